"""Taking the jitter out of a run of boxes without making them lag."""

from fractions import Fraction

import numpy as np

# A face changes its place faster than its size, so its size bears the longer average.
PLACE_SECONDS = 0.08
SIZE_SECONDS = 0.24


def smoothed(boxes: np.ndarray, fps: Fraction) -> np.ndarray:
    """The (n, 4) boxes of consecutive frames, steadied; even motion and growth stay as they are.

    Windows are symmetric and the ends are continued by point reflection, so that nothing lags and
    the run starts and ends where it did. A box that differs for one frame only has no say.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sizes = boxes[:, 2:] - boxes[:, :2]
    place = _averaged(_without_spikes(centres), round(PLACE_SECONDS * fps))
    half = _averaged(_without_spikes(sizes), round(SIZE_SECONDS * fps)) / 2
    return np.concatenate([place - half, place + half], axis=1)


def steadied(rolls: np.ndarray, fps: Fraction) -> np.ndarray:
    """The (n,) rolls of consecutive frames, as `smoothed` does it with the size of a face."""
    return _averaged(_without_spikes(rolls[:, None]), round(SIZE_SECONDS * fps))[:, 0]


def _without_spikes(values: np.ndarray) -> np.ndarray:
    before, after = (
        np.pad(values, ((1, 0), (0, 0)), "edge"),
        np.pad(values, ((0, 1), (0, 0)), "edge"),
    )
    return np.median([before[:-1], values, after[1:]], axis=0)


def _averaged(values: np.ndarray, radius: int) -> np.ndarray:
    """Each column of `values` (n, k) under a triangle that reaches `radius` frames each way."""
    radius = min(radius, len(values) - 1)
    if radius < 1:
        return values
    weights = radius + 1.0 - np.abs(np.arange(-radius, radius + 1))
    weights /= weights.sum()
    longer = np.pad(values, ((radius, radius), (0, 0)), mode="reflect", reflect_type="odd")
    windows = np.lib.stride_tricks.sliding_window_view(longer, len(weights), axis=0)
    return windows @ weights
