"""Shot boundary detection: hard cuts, as opposed to fades, dissolves, pans and flashes.

Each frame has a small signature that depends on no other frame, so that a source can be read in
segments. The cuts are decided when all signatures are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

SIDE = 24
# A move of the camera by up to a twelfth of the frame is no change.
MAX_SHIFT = 2
# In a picture with less contrast than this, in levels, all is noise.
NOISE_CONTRAST = 16.0
# Between unrelated pictures the change is 1, between neighbouring frames mostly below 0.02.
MIN_CHANGE = 0.1
# A cut is this many times the third largest change in its neighbourhood: motion comes in runs, cuts
# and flashes do not.
PROMINENCE = 4.0
NEIGHBOURHOOD_SECONDS = Fraction(6, 25)
# A flash is over after this time; if the picture is then as before, there was no cut.
FLASH_SECONDS = Fraction(4, 25)
# The fraction of the change that must remain between the frames before and after a flash.
LASTING_FRACTION = 0.5
# Signatures that are compared at once, which bounds memory.
CHUNK = 1024


def signature(frame: np.ndarray) -> np.ndarray:
    """The signature (24, 24) uint8 of an RGB uint8 `frame` (height, width, 3): a grey thumbnail."""
    return _thumbnail(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))


def signature_of_luma(luma: np.ndarray) -> np.ndarray:
    """As `signature`, of the Y plane (height, width) of a frame in limited range, 16 to 235."""
    full = 255 / 219
    return np.asarray(cv2.convertScaleAbs(_thumbnail(luma).clip(16), None, full, -16 * full))


def _thumbnail(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape
    # Halving is fast, and leaves a quarter of the pixels to the slower second step.
    half = cv2.resize(grey, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def cuts(signatures: np.ndarray, fps: Fraction = Fraction(25)) -> list[int]:
    """The first frame of every shot but the first, for the (n, 24, 24) signatures of a source.

    `signatures` are uint8. Neither brightness nor an even move of the camera counts as change. A
    cut is a change that stands out from those around it and lasts.
    """
    around = max(round(NEIGHBOURHOOD_SECONDS * fps), 3)
    flash = max(round(FLASH_SECONDS * fps), 1)
    changes = np.concatenate([np.zeros(1), *_changes(signatures)])
    return [
        int(i)
        for i in np.flatnonzero(changes >= MIN_CHANGE)
        if _is_prominent(changes, int(i), around) and _lasts(signatures, int(i), flash, changes[i])
    ]


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How different signatures (n, 24, 24) are, (n,) float32: 0 the same, about 1 unrelated.

    Half the mean squared difference of the signatures normalised to mean 0 and variance 1, at the
    best shift: 1 minus their correlation.
    """
    before, after = _normalised(before), _normalised(after)
    inner = slice(MAX_SHIFT, SIDE - MAX_SHIFT)
    shifts = range(-MAX_SHIFT, MAX_SHIFT + 1)
    least = np.full(len(before), np.inf, np.float32)
    for dy in shifts:
        for dx in shifts:
            moved = after[:, MAX_SHIFT + dy :, MAX_SHIFT + dx :]
            moved = moved[:, : SIDE - 2 * MAX_SHIFT, : SIDE - 2 * MAX_SHIFT]
            apart = ((before[:, inner, inner] - moved) ** 2).mean(axis=(1, 2)) / 2
            least = np.minimum(least, apart)
    return least


def _changes(signatures: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(signatures) - 1, CHUNK):
        part = signatures[start : start + CHUNK + 1]
        yield change(part[:-1], part[1:])


def _normalised(signatures: np.ndarray) -> np.ndarray:
    """With mean 0 and variance 1, except that a flat picture stays flat."""
    values = signatures.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    variance = (values**2).mean(axis=(1, 2), keepdims=True)
    return values / np.sqrt(variance + NOISE_CONTRAST**2)


def _is_prominent(changes: np.ndarray, at: int, around: int) -> bool:
    beside = np.concatenate([changes[max(at - around, 1) : at], changes[at + 1 : at + around + 1]])
    return len(beside) < 3 or changes[at] >= PROMINENCE * np.sort(beside)[-3]


def _lasts(signatures: np.ndarray, at: int, flash: int, changed: float) -> bool:
    before, after = signatures[max(at - flash, 0) : at], signatures[at : at + flash]
    pairs = change(np.repeat(before, len(after), axis=0), np.tile(after, (len(before), 1, 1)))
    return bool(pairs.min() >= LASTING_FRACTION * changed)
