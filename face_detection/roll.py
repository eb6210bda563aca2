"""The roll of a head, its lean towards a shoulder, and points rotated with it.

A roll is in degrees, clockwise in the picture. A box with a roll is rotated by it about its own
centre; unrotated it is the upright box that pages and programs show.
"""

import numpy as np

# Degrees below which a head counts as upright, and from which on its roll counts in full. Between
# them it is faded in, so that the box of a swaying head never jumps.
UPRIGHT, FULL_ROLL = 4.0, 12.0


def roll_of(points: np.ndarray) -> float:
    """The roll in degrees of a face with the landmarks `points` (68, 2): that of the eyes' line.

    Exactly 0 for a head that is nearly upright.
    """
    x, y = (points[42:48].mean(axis=0) - points[36:42].mean(axis=0)).tolist()
    return without_small(float(np.degrees(np.arctan2(y, x))))


def without_small(lean: float) -> float:
    """A roll that is faded out towards upright: 0 up to UPRIGHT, `lean` from FULL_ROLL on."""
    counted = float(np.clip((abs(lean) - UPRIGHT) / (FULL_ROLL - UPRIGHT), 0, 1))
    return counted * lean


def rotated(points: np.ndarray, roll: float, about: np.ndarray) -> np.ndarray:
    """`points` (..., 2) rotated clockwise by `roll` degrees about the point `about` (2,)."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    # The identity is left out of the matrix: a rotation by 0 changes nothing, to the last bit.
    change = np.array([[cosine - 1, -sine], [sine, cosine - 1]])
    return points + (points - about) @ change.T
