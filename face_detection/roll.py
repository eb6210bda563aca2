"""How far a head leans towards a shoulder, and points turned with it.

A roll is in degrees, clockwise as one looks at the picture. A box with a roll is turned by it about
its own centre; without the turn it is the upright box that pages and programs are shown.
"""

import numpy as np

# A head that leans less is taken for upright, and all of the lean counts from the second value on.
# In between the roll grows evenly, so that a head that sways never jumps.
UPRIGHT, LEANING = 4.0, 12.0


def roll_of(points: np.ndarray) -> float:
    """The roll of a face with the 68 `points` (68, 2): that of the line between its eyes.

    Exactly 0 for a head that is as good as upright.
    """
    x, y = (points[42:48].mean(axis=0) - points[36:42].mean(axis=0)).tolist()
    lean = float(np.degrees(np.arctan2(y, x)))
    counted = float(np.clip((abs(lean) - UPRIGHT) / (LEANING - UPRIGHT), 0, 1))
    return counted * lean


def turned(points: np.ndarray, roll: float, about: np.ndarray) -> np.ndarray:
    """`points` (..., 2) turned clockwise by `roll` degrees about a point; not at all by 0."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    # Without the identity in it, the turn by 0 is no change at all, to the last bit.
    change = np.array([[cosine - 1, -sine], [sine, cosine - 1]])
    return points + (points - about) @ change.T
