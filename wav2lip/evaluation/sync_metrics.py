"""Metrics of a sync expert's distances: LSE-D, LSE-C, and the accuracy of telling off-sync sound.

An expert embeds five frames of a mouth, and the 0.2 s of sound of each of 31 lags; the distance of
the embeddings says how badly they fit. A generator that was trained against an expert can get
better values than real video, so these metrics are compared with real video and another voice.
"""

from collections.abc import Iterable, Sequence

import numpy as np

VSHIFT = 15  # frames, named as in SyncNet's published code
LAGS = np.arange(-VSHIFT, VSHIFT + 1)  # frames; at a positive lag the sound is taken from later on
WINDOW = 5  # frames
# Viewers do not notice a lag of one or two frames: off-sync examples have at least this one.
MIN_OFF_SYNC_LAG = 3
# Distances are averaged over this many consecutive windows before the threshold (Tv).
WINDOWS_AVERAGED = (1, 3, 5)
THRESHOLD_CANDIDATES = 200


def lagged_distances(mouths: np.ndarray, voices: np.ndarray, padded: bool = False) -> np.ndarray:
    """Euclidean distances (n, 31) float32 of mouth i to voice i + lag, for each of LAGS.

    `mouths` and `voices` are embeddings (n, k). Beyond the ends of the voice distances are NaN, or
    with `padded` the distance to the origin, as in SyncNet's published code.
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
    """LSE-D and LSE-C of one clip from its distances (n, 31), both in units of the embedding.

    LSE-D is the least of the 31 mean distances, LSE-C their median minus that least: Chung and
    Zisserman, "Out of time: automated lip sync in the wild", ACCV-W 2016, named so by Prajwal et
    al., ACM Multimedia 2020. A good result has a low LSE-D and a high LSE-C.
    """
    heard = ~np.isnan(distances).all(axis=0)
    by_lag = np.nanmean(distances[:, heard], axis=0)
    return float(by_lag.min()), float(np.median(by_lag) - by_lag.min())


def decision_counts(distances: np.ndarray, run: int, threshold: float) -> np.ndarray:
    """Decisions on one clip's distances (n, 31): four counts (4,), which may be added over clips.

    They are in-sync examples decided rightly, all in-sync examples, off-sync examples decided
    rightly, all off-sync examples. An example is `run` consecutive windows at one lag, and decided
    as in sync if their mean distance is below `threshold`.
    """
    in_sync, off_sync = _examples(distances, run)
    counts = (
        (in_sync < threshold).sum(),
        len(in_sync),
        (off_sync >= threshold).sum(),
        len(off_sync),
    )
    return np.array(counts, float)


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Mean of the accuracies on in-sync and on off-sync examples, (...) in 0..1.

    `counts` (..., 4) are those of `decision_counts`; NaN where there are no examples of one kind.
    """
    in_sync, off_sync = (
        np.divide(right, of, out=np.full_like(right, np.nan), where=of > 0)
        for right, of in ((counts[..., 0], counts[..., 1]), (counts[..., 2], counts[..., 3]))
    )
    return (in_sync + off_sync) / 2


def best_threshold(clips: Iterable[np.ndarray], run: int) -> float:
    """The threshold with the highest balanced accuracy on the distances (n, 31) of some clips.

    Candidates are THRESHOLD_CANDIDATES quantiles of all mean distances of `run` windows.
    """
    examples = [_examples(distances, run) for distances in clips]
    in_sync, off_sync = (np.sort(np.concatenate(each)) for each in zip(*examples, strict=True))
    candidates = np.quantile(
        np.concatenate((in_sync, off_sync)), np.linspace(0, 1, THRESHOLD_CANDIDATES)
    )
    accepted = np.searchsorted(in_sync, candidates) / max(len(in_sync), 1)
    rejected = 1 - np.searchsorted(off_sync, candidates) / max(len(off_sync), 1)
    return float(candidates[np.argmax(accepted + rejected)])


def held_out_thresholds(
    persons: Sequence[str], clips: Sequence[np.ndarray], run: int
) -> list[float]:
    """For each clip (its distances) the best threshold for the clips of all other persons.

    With one person only, that for the person's other clips; with one clip, for itself.
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


def _examples(distances: np.ndarray, run: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances of each `run` consecutive windows: at lag 0, and at every off-sync lag."""
    if len(distances) < run:
        return np.zeros(0), np.zeros(0)
    means = np.lib.stride_tricks.sliding_window_view(distances, run, axis=0).mean(-1)
    off_sync = means[:, np.abs(LAGS) >= MIN_OFF_SYNC_LAG].ravel()
    return means[:, VSHIFT], off_sync[np.isfinite(off_sync)]
