"""Five points of a face (eyes, nose, corners of the mouth): its roll and yaw, and its face box.

Such points come from the detector itself, (5, 2) in pixels of the frame, in the order left eye,
right eye, nose, left and right corner of the mouth, as the viewer sees an upright face. They follow
a head into profile, where the 68 landmarks draw a frontal face onto the cheek.
"""

import numpy as np

from face_detection.detection import Box
from face_detection.roll import rotated, without_small

# Measured on 480 faces of 60 persons against the box of their 68 landmarks, in units of the
# distance from the eyes to the mouth: from the eyes up, from the mouth down, half the width.
ABOVE_EYES, BELOW_MOUTH, HALF_WIDTH = 0.72, 0.98, 1.07
# How far the middle of the box lies from that of eyes and mouth, in displacements of the nose.
CENTRE_BY_NOSE = -1.67
# The distance of the eyes over how far the nose stands out before them. Yaw by five points.
EYES_BY_NOSE = 2.07
# Eyes this many times as far from each other as from the mouth: the mouth is not in the picture.
WIDEST_EYES = 1.8


def roll_of_points(points: np.ndarray) -> float:
    """The roll in degrees, exactly 0 for a head that is nearly upright (`roll.without_small`).

    It is that of the line from the eyes to the mouth, which is there in profile as well.
    """
    x, y = (_mouth(points) - _eyes(points)).tolist()
    return without_small(float(np.degrees(np.arctan2(-x, y))))


def yaw_of_points(points: np.ndarray) -> float:
    """How far a head is turned: degrees, 0 to the camera, 90 in profile to the viewer's right."""
    eyes, mouth, nose, apart = _levelled(points)
    displaced = float(nose[0] - (eyes[0] + mouth[0]) / 2)
    return float(np.degrees(np.arctan2(EYES_BY_NOSE * displaced, max(apart, 0.0))))


def box_of_points(points: np.ndarray) -> Box:
    """The face box, brow to chin and ear to ear, rotated by `roll_of_points` about its centre."""
    eyes, mouth, nose, _ = _levelled(points)
    unit = max(float(mouth[1] - eyes[1]), 1.0)
    middle = float(eyes[0] + mouth[0]) / 2
    x = middle + CENTRE_BY_NOSE * float(nose[0] - middle)
    top, bottom = float(eyes[1]) - ABOVE_EYES * unit, float(mouth[1]) + BELOW_MOUTH * unit
    centre = np.array([x, (top + bottom) / 2])
    x, y = rotated(centre, roll_of_points(points), points.mean(axis=0)).tolist()
    half_width, half_height = HALF_WIDTH * unit, (bottom - top) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def is_face(points: np.ndarray) -> bool:
    """Whether the points lie as those of a face whose mouth is in the picture."""
    eyes, mouth, _, apart = _levelled(points)
    height = float(mouth[1] - eyes[1])
    return height > 0 and apart <= WIDEST_EYES * height


def five_of_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """The five points (5, 2) of the 68 `landmarks` (68, 2)."""
    left, right = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    return np.array([left, right, landmarks[30], landmarks[48], landmarks[54]])


def _levelled(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Middle of the eyes and of the mouth, nose, and distance of the eyes, with the head upright.

    The distance is along the line of the eyes, below 0 where they have changed sides.
    """
    level = rotated(points, -roll_of_points(points), points.mean(axis=0))
    return _eyes(level), _mouth(level), level[2], float(level[1, 0] - level[0, 0])


def _eyes(points: np.ndarray) -> np.ndarray:
    return (points[0] + points[1]) / 2


def _mouth(points: np.ndarray) -> np.ndarray:
    return (points[3] + points[4]) / 2
