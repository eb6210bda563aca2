"""Where one shot ends and the next begins: hard cuts, told from all else that changes a picture.

A frame leaves a small signature behind, which depends on no other frame: a source can be gone
through in parts, at different times. The cuts are decided when all signatures are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

SIDE = 24
# A move of the camera by up to a twelfth of the frame is no change.
MOST_SHIFT = 2
# In a picture with less contrast than this, in levels, noise is all there is.
LEAST_CONTRAST = 16.0
# Between unrelated pictures the change is 1, between neighbouring frames mostly below 0.02.
LEAST_CHANGE = 0.1
# How far a cut stands out from the third largest change around it: motion comes in runs, cuts
# and flashes do not.
STANDS_OUT = 4.0
AROUND_SECONDS = Fraction(6, 25)
# A flash is over after this; what is then as before was not cut.
FLASH_SECONDS = Fraction(4, 25)
# The share of the change that must be left when the frames before and after a flash compare.
LASTING = 0.5
# Signatures that are compared at once, which bounds memory.
CHUNK = 1024


def signature(frame: np.ndarray) -> np.ndarray:
    """A copy of the RGB uint8 `frame` in (24, 24) grey uint8: what `cuts` needs to know of it."""
    height, width = frame.shape[:2]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    # Halving is quick, and leaves a quarter of the pixels to what is not.
    half = cv2.resize(grey, (max(width // 2, 1), max(height // 2, 1)), interpolation=cv2.INTER_AREA)
    return cv2.resize(half, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def cuts(signatures: np.ndarray, fps: Fraction = Fraction(25)) -> list[int]:
    """The first frame of every shot but the first, for the (n, 24, 24) signatures of a source.

    Neither brightness nor an even move of the camera counts as change. A cut is a change that
    stands out from those around it and does not go back: fades, dissolves, pans and flashes are
    none.
    """
    around = max(round(AROUND_SECONDS * fps), 3)
    flash = max(round(FLASH_SECONDS * fps), 1)
    changes = np.concatenate([np.zeros(1), *_changes(signatures)])
    return [
        int(i)
        for i in np.flatnonzero(changes >= LEAST_CHANGE)
        if _stands_out(changes, int(i), around) and _lasts(signatures, int(i), flash, changes[i])
    ]


def change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How different signatures (n, 24, 24) are: 0 the same, about 1 unrelated; (n,) float32.

    Half the mean squared difference of what has mean 0 and variance 1, at the best shift.
    """
    before, after = _evened(before), _evened(after)
    inner = slice(MOST_SHIFT, SIDE - MOST_SHIFT)
    shifts = range(-MOST_SHIFT, MOST_SHIFT + 1)
    least = np.full(len(before), np.inf, np.float32)
    for dy in shifts:
        for dx in shifts:
            moved = after[:, MOST_SHIFT + dy :, MOST_SHIFT + dx :]
            moved = moved[:, : SIDE - 2 * MOST_SHIFT, : SIDE - 2 * MOST_SHIFT]
            apart = ((before[:, inner, inner] - moved) ** 2).mean(axis=(1, 2)) / 2
            least = np.minimum(least, apart)
    return least


def _changes(signatures: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(signatures) - 1, CHUNK):
        part = signatures[start : start + CHUNK + 1]
        yield change(part[:-1], part[1:])


def _evened(signatures: np.ndarray) -> np.ndarray:
    """With mean 0 and variance 1, but a flat picture stays flat."""
    values = signatures.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    variance = (values**2).mean(axis=(1, 2), keepdims=True)
    return values / np.sqrt(variance + LEAST_CONTRAST**2)


def _stands_out(changes: np.ndarray, at: int, around: int) -> bool:
    beside = np.concatenate([changes[max(at - around, 1) : at], changes[at + 1 : at + around + 1]])
    return len(beside) < 3 or changes[at] >= STANDS_OUT * np.sort(beside)[-3]


def _lasts(signatures: np.ndarray, at: int, flash: int, changed: float) -> bool:
    before, after = signatures[max(at - flash, 0) : at], signatures[at : at + flash]
    pairs = change(np.repeat(before, len(after), axis=0), np.tile(after, (len(before), 1, 1)))
    return bool(pairs.min() >= LASTING * changed)
