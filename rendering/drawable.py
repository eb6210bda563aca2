"""Faces that are in sight and yet cannot be drawn well: too small, or turned too far away."""

from functools import lru_cache

import numpy as np

from face_detection.persons import LEAST_HEIGHT, Person

TOO_SMALL, TURNED_AWAY = "too-small", "turned-away"
# A face is too small from LEAST_HEIGHT down until it is this many times as high again.
LARGE_AGAIN = 1.06
# Degrees of yaw from which on a mouth is not drawn, and below which it is drawn again: two limits,
# so that a head near one of them does not change from frame to frame.
MOST_YAW, DRAWN_AGAIN_YAW = 50.0, 44.0


@lru_cache(maxsize=64)
def undrawable(person: Person) -> dict[int, str]:
    """The frames of the source in which the person is in sight and yet left alone, and why."""
    frames, boxes, yaws = person.sightings
    heights = boxes[:, 3] - boxes[:, 1]
    small = _between(-heights, -LARGE_AGAIN * LEAST_HEIGHT, -LEAST_HEIGHT)
    turned = _between(np.abs(yaws), DRAWN_AGAIN_YAW, MOST_YAW)
    return {
        **dict.fromkeys(frames[turned].tolist(), TURNED_AWAY),
        **dict.fromkeys(frames[small].tolist(), TOO_SMALL),
    }


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where `values` (n,) are above `low`, in runs that are somewhere above `high`: (n,) bool."""
    above = values > low
    run = np.cumsum(np.diff(above, prepend=False))
    return above & np.isin(run, run[values > high])
