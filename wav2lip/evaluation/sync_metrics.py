"""What a sync expert's distances say: LSE-D, LSE-C, and how well it tells in sync from off sync.

An expert gives the distance of every window of five frames to the voice at 31 lags. LSE-D is the
least mean distance over the lags, LSE-C the median minus that (Chung and Zisserman, "Out of time:
automated lip sync in the wild", ACCV-W 2016; named so by Prajwal et al. 2020). A generator that was
trained against an expert can outscore real video: read them beside real video and another voice.
"""

from collections.abc import Iterable, Sequence

import numpy as np

VSHIFT = 15
LAGS = np.arange(-VSHIFT, VSHIFT + 1)  # frames; at a positive one the voice is heard later
WINDOW = 5  # frames
# A shift of one or two frames is seen by nobody: off sync begins beyond.
LEAST_SHIFT = 3
# Distances are averaged over so many windows in a row before they are judged (Tv).
RUNS = (1, 3, 5)
THRESHOLDS = 200


def apart(mouths: np.ndarray, voices: np.ndarray, padded: bool = False) -> np.ndarray:
    """Euclidean distances (n, 31) float32 of embeddings (n, k) at each lag.

    Where nothing is heard they are NaN, or, `padded`, taken to the origin as in published code.
    """
    out = np.full((len(mouths), len(LAGS)), np.nan, np.float32)
    if padded:
        out[:] = np.linalg.norm(mouths, axis=1, keepdims=True)
    for column, lag in enumerate(LAGS.tolist()):
        rows = np.arange(max(0, -lag), min(len(mouths), len(voices) - lag))
        if len(rows):
            out[rows, column] = np.linalg.norm(mouths[rows] - voices[rows + lag], axis=1)
    return out


def lse(distances: np.ndarray) -> tuple[float, float]:
    """LSE-D and LSE-C of one clip from its distances (n, 31)."""
    heard = ~np.isnan(distances).all(axis=0)
    by_lag = np.nanmean(distances[:, heard], axis=0)
    return float(by_lag.min()), float(np.median(by_lag) - by_lag.min())


def told(distances: np.ndarray, run: int, threshold: float) -> np.ndarray:
    """How a clip's windows are judged: right in sync, in sync, right off sync, off sync, (4,).

    The mean distance of `run` windows in a row is in sync below `threshold`.
    """
    true, shifted = _runs(distances, run)
    return np.array(
        [(true < threshold).sum(), len(true), (shifted >= threshold).sum(), len(shifted)], float
    )


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share (...) judged rightly, in sync and off sync counting alike, from counts (..., 4)."""
    shares = [
        np.divide(right, of, out=np.full_like(right, np.nan), where=of > 0)
        for right, of in ((counts[..., 0], counts[..., 1]), (counts[..., 2], counts[..., 3]))
    ]
    return (shares[0] + shares[1]) / 2


def best_threshold(clips: Iterable[np.ndarray], run: int) -> float:
    """The threshold that tells most windows of some clips (n, 31) rightly."""
    runs = [_runs(distances, run) for distances in clips]
    true, shifted = (np.sort(np.concatenate(parts)) for parts in zip(*runs, strict=True))
    tried = np.quantile(np.concatenate((true, shifted)), np.linspace(0, 1, THRESHOLDS))
    kept = np.searchsorted(true, tried) / max(len(true), 1)
    refused = 1 - np.searchsorted(shifted, tried) / max(len(shifted), 1)
    return float(tried[np.argmax(kept + refused)])


def thresholds(persons: Sequence[str], clips: Sequence[np.ndarray], run: int) -> list[float]:
    """For each clip the threshold that other persons ask for: nobody is judged by their own.

    With one person only, that of the person's other clips; with one clip, its own.
    """
    by_person: dict[str, float] = {}
    several = len(set(persons)) > 1
    out = []
    for index, person in enumerate(persons):
        if several and person not in by_person:
            others = [clip for clip, who in zip(clips, persons, strict=True) if who != person]
            by_person[person] = best_threshold(others, run)
        out.append(
            by_person[person]
            if several
            else best_threshold([*clips[:index], *clips[index + 1 :]] or clips, run)
        )
    return out


def _runs(distances: np.ndarray, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances of runs of windows: in sync, and at every shift that is off sync."""
    if len(distances) < run:
        return np.zeros(0), np.zeros(0)
    means = np.lib.stride_tricks.sliding_window_view(distances, run, axis=0).mean(-1)
    shifted = means[:, np.abs(LAGS) >= LEAST_SHIFT].ravel()
    return means[:, VSHIFT], shifted[np.isfinite(shifted)]
