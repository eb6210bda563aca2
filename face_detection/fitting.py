"""From what a detector found to the project's face box: brow to chin, ear to ear.

Each detector frames a face in its own way. Sixty-eight landmarks inside the found box say where
the face is, so that a box means the same whichever detector found it.
"""

from collections.abc import Sequence

import numpy as np

from face_detection.detection import Box, Detection, area, intersection, iou
from face_detection.landmarks import fit_box, landmarks, landmarks_in_fitted

# A fitted box that shares less with the found one than this has lost the face.
KEPT_IOU = 0.35
# How far two looks at the same face may disagree, in heights of it. Measured: 99 % of 430 real
# faces stay below 0.007, everything that only resembles a face is above 0.013.
STEADY = 0.012
# Two boxes that share this much of the smaller one are the same face.
SAME_FACE = 0.65


def fit(frame: np.ndarray, found: Sequence[Detection], trusted_score: float) -> list[Detection]:
    """The face boxes of what was found in `frame`, best score first, each face once.

    Landmarks that will not settle mean a profile or no face at all: such a box is kept as it was
    found when its score reaches `trusted_score`, and dropped otherwise. Boxes end at the frame.
    """
    fitted = []
    for detection in found:
        box = _fitted_box(frame, detection.box)
        if box is None and detection.score < trusted_score:
            continue
        inside = _within(frame, box or detection.box)
        if area(inside) > 0:
            fitted.append(Detection(*inside, detection.score))
    return each_once(fitted)


def each_once(detections: Sequence[Detection]) -> list[Detection]:
    """Without the boxes that show a face which a better box shows already; best score first."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: d.score, reverse=True):
        if not any(_same_face(detection.box, better.box) for better in kept):
            kept.append(detection)
    return kept


def _fitted_box(frame: np.ndarray, found: Box) -> Box | None:
    first = landmarks(frame, found)
    box = fit_box(first)
    if area(box) == 0 or iou(box, found) < KEPT_IOU:
        return None
    second = landmarks_in_fitted(frame, box)
    if np.abs(first - second).mean() > STEADY * (box[3] - box[1]):
        return None
    # Two looks are steadier than one.
    return fit_box((first + second) / 2)


def _same_face(a: Box, b: Box) -> bool:
    return intersection(a, b) > SAME_FACE * min(area(a), area(b))


def _within(frame: np.ndarray, box: Box) -> Box:
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = box
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
