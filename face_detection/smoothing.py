"""Temporal smoothing: removes the jitter of boxes and angles without lag."""

from fractions import Fraction

import numpy as np

# Radius of the triangular window. A face changes its place faster than its size.
PLACE_SECONDS = 0.08
SIZE_SECONDS = 0.24


def smooth_boxes(boxes: np.ndarray, fps: Fraction) -> np.ndarray:
    """The (n, 4) `boxes` of consecutive frames, smoothed; even motion and growth stay as they are.

    A median of three removes single outliers, then a triangular moving average the jitter. The
    window is symmetric and the ends are padded by point reflection: nothing lags, and the run
    starts and ends where it did.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sizes = boxes[:, 2:] - boxes[:, :2]
    place = _triangular_mean(_median_of_three(centres), round(PLACE_SECONDS * fps))
    half = _triangular_mean(_median_of_three(sizes), round(SIZE_SECONDS * fps)) / 2
    return np.concatenate([place - half, place + half], axis=1)


def smooth_angles(angles: np.ndarray, fps: Fraction) -> np.ndarray:
    """The `angles` (n, k) of consecutive frames, smoothed as `smooth_boxes` smooths sizes."""
    return _triangular_mean(_median_of_three(angles), round(SIZE_SECONDS * fps))


def _median_of_three(values: np.ndarray) -> np.ndarray:
    before, after = (
        np.pad(values, ((1, 0), (0, 0)), "edge"),
        np.pad(values, ((0, 1), (0, 0)), "edge"),
    )
    return np.median([before[:-1], values, after[1:]], axis=0)


def _triangular_mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Each column of `values` (n, k) averaged under a triangle of `radius` frames each way."""
    radius = min(radius, len(values) - 1)
    if radius < 1:
        return values
    weights = radius + 1.0 - np.abs(np.arange(-radius, radius + 1))
    weights /= weights.sum()
    longer = np.pad(values, ((radius, radius), (0, 0)), mode="reflect", reflect_type="odd")
    windows = np.lib.stride_tricks.sliding_window_view(longer, len(weights), axis=0)
    return windows @ weights
