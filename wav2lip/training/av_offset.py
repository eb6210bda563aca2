"""Audio-visual offset: the lag in frames at which what is said and what is seen correlate best."""

from collections.abc import Mapping, Sequence

import numpy as np

# What was said and what was seen in a clip, lengths (n, k) each, 25 a second.
Piece = tuple[np.ndarray, np.ndarray]

# Pearson's correlation from which on a clip follows its sound, and by how much that at another lag
# must be better than that at none.
LARGEST_LAG = 6
IN_SYNC = 0.25
LAG_GAIN = 0.08
# Frames that have to overlap: less than half a second correlates by chance.
MIN_OVERLAP = 13


def following(groups: Mapping[str, Sequence[Piece]]) -> dict[str, int]:
    """The groups of clips whose lips follow their sound, each with the lag of all its clips."""
    tried = range(-LARGEST_LAG, LARGEST_LAG + 1)
    chosen = {}
    for group, pieces in groups.items():
        fits = np.nan_to_num(curve(pieces, tried), nan=-1)
        best = int(np.argmax(fits))
        place = best if fits[best] > fits[LARGEST_LAG] + LAG_GAIN else LARGEST_LAG
        if fits[place] >= IN_SYNC:
            chosen[group] = tried[place]
    return chosen


def curve(pieces: Sequence[Piece], lags: Sequence[int]) -> np.ndarray:
    """Correlation of said and seen when frame i shows what is said at frame i + lag, at each of
    `lags`, (lags,): the mean over the k lengths, all pieces joined. NaN where fewer than
    MIN_OVERLAP frames overlap.
    """
    return np.array([_at(lag, pieces) for lag in lags])


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each column of (n, k): (k,)."""
    a, b = a - a.mean(0), b - b.mean(0)
    return (a * b).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum(0) + 1e-12)


def _at(lag: int, pieces: Sequence[Piece]) -> float:
    overlaps = [max(len(said) - abs(lag), 0) for said, _ in pieces]
    if sum(overlaps) < MIN_OVERLAP:
        return float("nan")
    early, late = max(-lag, 0), max(lag, 0)
    said, seen = (
        np.concatenate(
            [
                piece[which][first : first + count]
                for piece, count in zip(pieces, overlaps, strict=True)
            ]
        )
        for which, first in ((0, late), (1, early))
    )
    return float(correlation(said, seen).mean())
