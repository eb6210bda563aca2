"""The mouth shape: eight numbers a frame, the interface of the voice net and the renderer.

They are lengths on the face in units of the face, so that they mean the same on every person:

0 inner opening, 1 outer opening, 2 inner width, 3 outer width,
4 height of the upper lip, 5 of the lower lip, 6 of the chin, 7 of the corners (downwards, from the
nose tip).

A *rest* (the person's closed mouth) is subtracted and the result divided by a constant spread, so
that 0 is the resting mouth and 1 a usual excursion.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

NAMES = (
    "inner opening",
    "outer opening",
    "inner width",
    "outer width",
    "upper lip",
    "lower lip",
    "chin",
    "corners",
)
COUNT = len(NAMES)
OPENING = 0

# The size of the face changes slowly: it is smoothed over this many frames (sigma, 25 fps).
UNIT_SMOOTHING = 6.0
# A closed mouth is rare in speech: this percentile of the openings of a person stands for it.
REST_PERCENTILE = 5.0


def measure(points: np.ndarray) -> np.ndarray:
    """The raw lengths (n, 8) float32, in units of the face, of landmarks (n, 68, 2) in pixels.

    The landmarks (iBUG 300-W) are those of one face in consecutive frames. They are rotated until
    the eyes are level, centred on the nose tip, and divided by the face's unit: half the distance
    of the outer eye corners plus the length of the nose bridge.
    """
    points = np.asarray(points, np.float64)
    level, unit = _aligned(points)
    x, y = level[..., 0], level[..., 1]
    inner = (y[:, [67, 66, 65]] - y[:, [61, 62, 63]]).mean(1)
    outer = (y[:, [58, 57, 56]] - y[:, [50, 51, 52]]).mean(1)
    lengths = (
        inner,
        outer,
        x[:, 64] - x[:, 60],
        x[:, 54] - x[:, 48],
        y[:, [50, 51, 52]].mean(1),
        y[:, [56, 57, 58]].mean(1),
        y[:, [7, 8, 9]].mean(1),
        y[:, [48, 54]].mean(1),
    )
    return (np.stack(lengths, 1) / unit[:, None]).astype(np.float32)


def rest(raw: np.ndarray) -> np.ndarray:
    """The raw lengths (8,) float32 of the resting mouth among those of one person, `raw` (n, 8).

    The median of each length, but a low percentile of the two openings: a mouth at rest is closed.
    """
    values = np.median(raw, axis=0)
    values[:2] = np.percentile(raw[:, :2], REST_PERCENTILE, axis=0)
    return values.astype(np.float32)


def _aligned(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points with level eyes and the nose tip at 0, and the unit (n,) of each frame in pixels."""
    eyes = points[:, 45] - points[:, 36]
    distance = np.linalg.norm(eyes, axis=1).clip(1e-6)
    cosine, sine = (eyes / distance[:, None]).T
    centred = points - points[:, 30:31]
    rotated = np.stack(
        (
            centred[..., 0] * cosine[:, None] + centred[..., 1] * sine[:, None],
            centred[..., 1] * cosine[:, None] - centred[..., 0] * sine[:, None],
        ),
        -1,
    )
    bridge = np.linalg.norm(points[:, 30] - points[:, 27], axis=1)
    unit = gaussian_filter1d(distance / 2 + bridge, UNIT_SMOOTHING, mode="nearest")
    return rotated, unit.clip(1e-6)
