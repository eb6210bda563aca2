"""Geometry of rotated boxes: boxes of rolled heads, rotated about their own centre.

A roll is in degrees, clockwise in the picture. With a roll of 0 everything here is exact, to the
last bit, as if there were no rotation.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # (2, 3) affine, for centres of pixels, which count from 0


def grown(
    boxes: NDArray[np.float64], rolls: NDArray[np.float64], pads: tuple[int, int, int, int]
) -> NDArray[np.float64]:
    """`boxes` (n, 4), rotated by `rolls` (n,), grown by `pads`: (n, 4) float64.

    `pads` are pixels at the top, bottom, left and right of the face, which lie in the directions of
    the rotated box.
    """
    top, bottom, left, right = pads
    # Unequal pads move the centre in the directions of the face, not of the picture.
    x, y = (right - left) / 2, (bottom - top) / 2
    cosine, sine = np.cos(np.radians(rolls)), np.sin(np.radians(rolls))
    dx, dy = (cosine - 1) * x - sine * y, sine * x + (cosine - 1) * y
    return boxes + np.array([-left, -top, right, bottom]) + np.stack([dx, dy, dx, dy], axis=1)


def centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centre x, y of a box: (2,)."""
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])


def level(box: NDArray[np.float64], roll: float, left: float = 0.0, top: float = 0.0) -> Matrix:
    """The rotation about the centre of `box` that makes it upright.

    It is for pictures cut out of a frame at `left`, `top`, to be used with cv2.warpAffine.
    """
    x, y = centre(box) - (left + 0.5, top + 0.5)
    return np.asarray(cv2.getRotationMatrix2D((x, y), roll, 1))


def after(second: Matrix, first: Matrix) -> Matrix:
    """The composition: `first`, then `second`."""
    return second @ np.vstack([first, (0, 0, 1)])


def around(
    box: NDArray[np.float64], roll: float, pivot: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """The bounding box x1, y1, x2, y2 of `box` rotated by `roll` about `pivot` (2,)."""
    x1, y1, x2, y2 = (float(side) for side in box)
    if not roll:
        return x1, y1, x2, y2
    corners = np.array([(x1, y1), (x2, y1), (x1, y2), (x2, y2)]) - pivot
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned = corners @ np.array([[cosine, sine], [-sine, cosine]]) + pivot
    (left, top), (right, bottom) = turned.min(axis=0).tolist(), turned.max(axis=0).tolist()
    return left, top, right, bottom
