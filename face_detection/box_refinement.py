"""From a detector's box to the project's face box: brow to chin, ear to ear.

Each detector frames a face in its own way. Sixty-eight landmarks inside its box say where the face
is, so that a box means the same whichever detector found it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from face_detection.detection import Box, Detection, area, intersection, iou
from face_detection.landmarks import fit_box, landmarks, landmarks_in_fitted
from face_detection.roll import roll_of

# A fitted box whose IoU with the detector's is lower has lost the face.
MIN_FIT_IOU = 0.35
# How far two passes of the landmarks over one face may differ, in heights of it. Measured: 99 % of
# 430 real faces stay below 0.007, everything that only resembles a face is above 0.013.
MAX_JITTER = 0.012
# Landmarks converge on heads whose roll differs from the guess by so many degrees. A box that is
# surely a head, but on which they do not converge upright, is tried with both guesses below; such a
# guess is held to a third of the jitter, which real faces keep to and hardly anything else does.
MAX_ROLL_ERROR, ROLL_GUESS = 25.0, 35.0
# Non-maximum suppression: boxes that overlap by this fraction of the smaller one are one face.
SAME_FACE_OVERLAP = 0.65


def fit(frame: np.ndarray, found: Sequence[Detection], trusted_score: float) -> list[Detection]:
    """The face boxes of a detector's boxes `found` in `frame`, best score first, each face once.

    `frame` is RGB uint8 (height, width, 3). The roll of a box is a first guess. Landmarks that do
    not converge mean a profile or no face at all: such a box is kept as it is, upright, when its
    score reaches `trusted_score`, and dropped otherwise. Upright boxes are clipped to the frame;
    the centre of a rolled one lies within it.
    """
    fitted = []
    for detection in found:
        trusted = detection.score >= trusted_score
        face = _converged(frame, detection, trusted)
        if face is None and trusted:
            face = replace(detection, roll=0.0)
        if face is not None and (inside := _clipped(frame, face)):
            fitted.append(inside)
    return non_maximum_suppression(fitted)


def follow(frame: np.ndarray, faces: Sequence[Detection]) -> list[Detection]:
    """Where the fitted `faces` of a neighbouring frame are in this one; lost ones are left out.

    It is `fit` for boxes that are nearly right, and takes half the time.
    """
    followed = [inside for face in faces if (inside := _followed(frame, face))]
    return non_maximum_suppression(followed)


def non_maximum_suppression(detections: Sequence[Detection]) -> list[Detection]:
    """`detections` without those of a face that a better one shows already; best score first.

    See `same_face`: the overlap is measured by the smaller box, not by the union.
    """
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: d.score, reverse=True):
        if not any(same_face(detection.box, better.box) for better in kept):
            kept.append(detection)
    return kept


def _converged(frame: np.ndarray, found: Detection, trusted: bool) -> Detection | None:
    """The detection with the box and roll on which the landmarks converge, None if they do not."""
    guesses = dict.fromkeys((found.roll, 0.0), MAX_JITTER)
    if trusted:
        guesses |= dict.fromkeys((ROLL_GUESS, -ROLL_GUESS), MAX_JITTER / 3)
    for guess, max_jitter in guesses.items():
        face = _fitted(frame, replace(found, roll=guess), max_jitter)
        if face is not None and abs(face.roll - guess) <= MAX_ROLL_ERROR:
            return face
    return None


def _fitted(frame: np.ndarray, found: Detection, max_jitter: float) -> Detection | None:
    first = landmarks(frame, found.box, found.roll)
    roll = roll_of(first)
    if roll != found.roll:
        first = landmarks_in_fitted(frame, fit_box(first, roll), roll)
        roll = roll_of(first)
    box = fit_box(first, roll)
    if area(box) == 0 or iou(box, found.box) < MIN_FIT_IOU:
        return None
    second = landmarks_in_fitted(frame, box, roll)
    return _averaged(first, second, found.score) if _agree(first, second, box, max_jitter) else None


def _followed(frame: np.ndarray, face: Detection) -> Detection | None:
    points = landmarks_in_fitted(frame, face.box, face.roll)
    for _ in range(2):
        roll = roll_of(points)
        box = fit_box(points, roll)
        if iou(box, face.box) < MIN_FIT_IOU or abs(roll - face.roll) > MAX_ROLL_ERROR:
            return None
        before, points = points, landmarks_in_fitted(frame, box, roll)
        if _agree(before, points, box, MAX_JITTER):
            return _clipped(frame, _averaged(before, points, face.score))
    return None


def _agree(first: np.ndarray, second: np.ndarray, box: Box, max_jitter: float) -> bool:
    return bool(np.abs(first - second).mean() <= max_jitter * (box[3] - box[1]))


def _averaged(first: np.ndarray, second: np.ndarray, score: float) -> Detection:
    """The face of the mean of two passes of the landmarks, which jitters less than one."""
    both = (first + second) / 2
    roll = roll_of(both)
    return Detection(*fit_box(both, roll), score, roll)


def same_face(a: Box, b: Box) -> bool:
    """Whether two boxes of one frame show the same face, by their intersection over the smaller."""
    return intersection(a, b) > SAME_FACE_OVERLAP * min(area(a), area(b))


def _clipped(frame: np.ndarray, face: Detection) -> Detection | None:
    """An upright box clipped to the frame; a rolled one stays whole. None outside the frame."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = face.box
    if face.roll:
        return face if 0 < x1 + x2 < 2 * width and 0 < y1 + y2 < 2 * height else None
    inside = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    return Detection(*inside, face.score) if area(inside) > 0 else None
