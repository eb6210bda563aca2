"""One face in one frame."""

from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Detection:
    """A face box in pixels of the upright frame (x2, y2 exclusive) and how sure the detector is.

    Scores compare within one detector only. The box is rotated by `roll` degrees, clockwise, about
    its centre (`face_detection.roll`). `yaw` is how far the head is turned, in degrees: 0 to the
    camera, 90 in profile to the viewer's right; always 0 with a detector that gives no points.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    score: float
    roll: float = 0.0
    yaw: float = 0.0

    @property
    def box(self) -> Box:
        return self.x1, self.y1, self.x2, self.y2


def intersection(a: Box, b: Box) -> float:
    """The area of the intersection of two boxes, in square pixels."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def centre(box: Box) -> np.ndarray:
    """The middle of a box: x and y."""
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def iou(a: Box, b: Box) -> float:
    """Intersection over union: 0 for boxes apart, 1 for equal ones."""
    overlap = intersection(a, b)
    union = area(a) + area(b) - overlap
    return overlap / union if union > 0 else 0.0
