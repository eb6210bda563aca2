"""From what a detector found to the project's face box: brow to chin, ear to ear.

Each detector frames a face in its own way. Sixty-eight landmarks inside the found box say where
the face is, so that a box means the same whichever detector found it.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from face_detection.detection import Box, Detection, area, intersection, iou
from face_detection.landmarks import fit_box, landmarks, landmarks_in_fitted
from face_detection.roll import roll_of

# A fitted box that shares less with the found one than this has lost the face.
KEPT_IOU = 0.35
# How far two looks at the same face may disagree, in heights of it. Measured: 99 % of 430 real
# faces stay below 0.007, everything that only resembles a face is above 0.013.
STEADY = 0.012
# Landmarks are found on heads that lean by so many degrees more or less than was guessed. What is
# surely a head but seems not to be upright is looked for leaning to both sides; a guess that
# nothing speaks for is held to a third of the above, which real faces keep to and hardly any
# other thing does.
MOST_TURN, LEANS = 25.0, 35.0
# Two boxes that share this much of the smaller one are the same face.
SAME_FACE = 0.65


def fit(frame: np.ndarray, found: Sequence[Detection], trusted_score: float) -> list[Detection]:
    """The face boxes of what was found in `frame`, best score first, each face once.

    The roll of what was found is a first guess. Landmarks that will not settle mean a profile or no
    face at all: such a box is kept as it was found, upright, when its score reaches
    `trusted_score`, and dropped otherwise. Upright boxes end at the frame, and the centre of one
    that leans lies within it.
    """
    fitted = []
    for detection in found:
        trusted = detection.score >= trusted_score
        face = _settled(frame, detection, trusted)
        if face is None and trusted:
            face = replace(detection, roll=0.0)
        if face is not None and (inside := _within(frame, face)):
            fitted.append(inside)
    return each_once(fitted)


def follow(frame: np.ndarray, faces: Sequence[Detection]) -> list[Detection]:
    """Fitted `faces` of a frame just before where they are in this one; those lost are left out.

    It is `fit` for boxes that are nearly right, and takes half the time.
    """
    followed = [inside for face in faces if (inside := _followed(frame, face))]
    return each_once(followed)


def each_once(detections: Sequence[Detection]) -> list[Detection]:
    """Without the boxes that show a face which a better box shows already; best score first."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda d: d.score, reverse=True):
        if not any(same_face(detection.box, better.box) for better in kept):
            kept.append(detection)
    return kept


def _settled(frame: np.ndarray, found: Detection, trusted: bool) -> Detection | None:
    """What was found with the box and roll on which the landmarks agree, None if they do not."""
    guesses = dict.fromkeys((found.roll, 0.0), STEADY)
    if trusted:
        guesses |= dict.fromkeys((LEANS, -LEANS), STEADY / 3)
    for guess, steady in guesses.items():
        face = _fitted(frame, replace(found, roll=guess), steady)
        if face is not None and abs(face.roll - guess) <= MOST_TURN:
            return face
    return None


def _fitted(frame: np.ndarray, found: Detection, steady: float) -> Detection | None:
    first = landmarks(frame, found.box, found.roll)
    roll = roll_of(first)
    if roll != found.roll:
        first = landmarks_in_fitted(frame, fit_box(first, roll), roll)
        roll = roll_of(first)
    box = fit_box(first, roll)
    if area(box) == 0 or iou(box, found.box) < KEPT_IOU:
        return None
    second = landmarks_in_fitted(frame, box, roll)
    return _of_both(first, second, found.score) if _agree(first, second, box, steady) else None


def _followed(frame: np.ndarray, face: Detection) -> Detection | None:
    points = landmarks_in_fitted(frame, face.box, face.roll)
    for _ in range(2):
        roll = roll_of(points)
        box = fit_box(points, roll)
        if iou(box, face.box) < KEPT_IOU or abs(roll - face.roll) > MOST_TURN:
            return None
        before, points = points, landmarks_in_fitted(frame, box, roll)
        if _agree(before, points, box, STEADY):
            return _within(frame, _of_both(before, points, face.score))
    return None


def _agree(first: np.ndarray, second: np.ndarray, box: Box, steady: float) -> bool:
    return bool(np.abs(first - second).mean() <= steady * (box[3] - box[1]))


def _of_both(first: np.ndarray, second: np.ndarray, score: float) -> Detection:
    """The face that two looks saw: together they are steadier than one."""
    both = (first + second) / 2
    roll = roll_of(both)
    return Detection(*fit_box(both, roll), score, roll)


def same_face(a: Box, b: Box) -> bool:
    """Whether two boxes of one frame show the same face."""
    return intersection(a, b) > SAME_FACE * min(area(a), area(b))


def _within(frame: np.ndarray, face: Detection) -> Detection | None:
    """The part of an upright box in the frame; one that leans stays whole, about its centre."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = face.box
    if face.roll:
        return face if 0 < x1 + x2 < 2 * width and 0 < y1 + y2 < 2 * height else None
    inside = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
    return Detection(*inside, face.score) if area(inside) > 0 else None
