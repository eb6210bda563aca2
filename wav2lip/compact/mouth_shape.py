"""The mouth shape: eight numbers a frame, the waist between the voice net and the renderer.

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

# What changes slowly (the size of the face) is smoothed over this many frames (sigma, 25 fps).
UNIT_SMOOTHING = 6.0
# A closed mouth is rare in speech: this percentile of the openings of a person stands for it.
REST_PERCENTILE = 5.0


def measure(points: np.ndarray) -> np.ndarray:
    """The eight raw lengths of each frame: points (n, 68, 2) of one face in time -> (n, 8) float32.

    Points are turned until the eyes are level, centred on the nose tip, and divided by the face's
    unit: half the distance of the outer eye corners plus the length of the nose bridge.
    """
    points = np.asarray(points, np.float64)
    level, unit = _levelled(points)
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
    """The resting mouth among raw lengths (n, 8) of one person: (8,) float32.

    The median of each length, but a low percentile of the two openings: a mouth at rest is closed.
    """
    values = np.median(raw, axis=0)
    values[:2] = np.percentile(raw[:, :2], REST_PERCENTILE, axis=0)
    return values.astype(np.float32)


def _levelled(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points turned and centred, and the unit of each frame in pixels."""
    eyes = points[:, 45] - points[:, 36]
    distance = np.linalg.norm(eyes, axis=1).clip(1e-6)
    cosine, sine = (eyes / distance[:, None]).T
    centred = points - points[:, 30:31]
    turned = np.stack(
        (
            centred[..., 0] * cosine[:, None] + centred[..., 1] * sine[:, None],
            centred[..., 1] * cosine[:, None] - centred[..., 0] * sine[:, None],
        ),
        -1,
    )
    bridge = np.linalg.norm(points[:, 30] - points[:, 27], axis=1)
    unit = gaussian_filter1d(distance / 2 + bridge, UNIT_SMOOTHING, mode="nearest")
    return turned, unit.clip(1e-6)
