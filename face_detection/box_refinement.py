"""From a detector's box to the project's face box: brow to chin, ear to ear.

Each detector frames a face in its own way. Sixty-eight landmarks inside its box say where the face
is, so that a box means the same whichever detector found it. Where they do not converge, as on a
head in profile, the detector's own five points say it, if it gives them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from face_detection.detection import Box, Detection, area, intersection, iou
from face_detection.five_points import (
    box_of_points,
    five_of_landmarks,
    roll_of_points,
    yaw_of_points,
)
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
# How far landmarks may lie from a detector's own points, on average, in heights of the face.
# Measured: 99 % of 480 faces stay below 0.054; a frontal face on the cheek of a profile is beyond.
MAX_POINT_ERROR = 0.08
# Non-maximum suppression: boxes that overlap by this fraction of the smaller one are one face.
SAME_FACE_OVERLAP = 0.65


def fit(
    frame: np.ndarray,
    found: Sequence[Detection],
    trusted_score: float,
    points: Sequence[np.ndarray] | None = None,
) -> list[Detection]:
    """The face boxes of a detector's boxes `found` in `frame`, best score first, each face once.

    `frame` is RGB uint8 (height, width, 3). The roll of a box is a first guess. `points` are five
    of each face (5, 2), see `five_points`, from detectors that find them. Landmarks that do not
    converge mean a profile or no face at all: such a box is kept when its score reaches
    `trusted_score`, as its points have it, or else as it is, upright; below that it is dropped.
    Upright boxes are clipped to the frame; the centre of a rolled one lies within it.
    """
    fitted = []
    for n, detection in enumerate(found):
        trusted = detection.score >= trusted_score
        if points is None:
            face = _converged(frame, detection, trusted)
            fallback = replace(detection, roll=0.0)
        else:
            face = _agreeing(frame, detection, points[n])
            fallback = _face_of_points(detection, points[n])
        if face is None and trusted:
            face = fallback
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
        fitted = _fitted(frame, replace(found, roll=guess), max_jitter)
        if fitted is not None:
            return _face_of_landmarks(fitted, found)
    return None


def _agreeing(frame: np.ndarray, found: Detection, points: np.ndarray) -> Detection | None:
    """The detection as its landmarks have it, None if they do not lie where `points` do."""
    guess = _face_of_points(found, points)
    fitted = _fitted(frame, guess, MAX_JITTER)
    if fitted is None:
        return None
    apart = np.linalg.norm(five_of_landmarks(fitted) - points, axis=1).mean()
    face = _face_of_landmarks(fitted, guess)
    return face if apart <= MAX_POINT_ERROR * (face.y2 - face.y1) else None


def _face_of_points(found: Detection, points: np.ndarray) -> Detection:
    """The detection with box, roll and yaw of its five points."""
    box, roll, yaw = box_of_points(points), roll_of_points(points), yaw_of_points(points)
    return Detection(*box, found.score, roll, yaw)


def _fitted(frame: np.ndarray, found: Detection, max_jitter: float) -> np.ndarray | None:
    """The mean of two passes of the landmarks that agree on the face, which jitters less than one.

    None if they do not, or if the head's roll is far from that of the box.
    """
    first = landmarks(frame, found.box, found.roll)
    roll = roll_of(first)
    if roll != found.roll:
        first = landmarks_in_fitted(frame, fit_box(first, roll), roll)
        roll = roll_of(first)
    box = fit_box(first, roll)
    if area(box) == 0 or iou(box, found.box) < MIN_FIT_IOU:
        return None
    second = landmarks_in_fitted(frame, box, roll)
    if not _agree(first, second, box, max_jitter):
        return None
    both = (first + second) / 2
    return both if abs(roll_of(both) - found.roll) <= MAX_ROLL_ERROR else None


def _followed(frame: np.ndarray, face: Detection) -> Detection | None:
    points = landmarks_in_fitted(frame, face.box, face.roll)
    for _ in range(2):
        roll = roll_of(points)
        box = fit_box(points, roll)
        if iou(box, face.box) < MIN_FIT_IOU or abs(roll - face.roll) > MAX_ROLL_ERROR:
            return None
        before, points = points, landmarks_in_fitted(frame, box, roll)
        if _agree(before, points, box, MAX_JITTER):
            return _clipped(frame, _face_of_landmarks((before + points) / 2, face))
    return None


def _agree(first: np.ndarray, second: np.ndarray, box: Box, max_jitter: float) -> bool:
    return bool(np.abs(first - second).mean() <= max_jitter * (box[3] - box[1]))


def _face_of_landmarks(points: np.ndarray, found: Detection) -> Detection:
    """The detection with box and roll of its landmarks (68, 2)."""
    roll = roll_of(points)
    return Detection(*fit_box(points, roll), found.score, roll, found.yaw)


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
    return Detection(*inside, face.score, yaw=face.yaw) if area(inside) > 0 else None
