"""The figures: each a function of sums over clips, so that clips can be pooled and drawn again.

A person's figure pools the person's clips; the figure of a checkpoint is the mean over persons, as
one person must not count more for having more clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wav2lip.evaluation import mouth_metrics, sync_metrics
from wav2lip.evaluation.meter import Score

MOVING = ("real", "still", "still_other", "still_shapes", "video", "video_other")
MADE = MOVING[1:]
JUDGED = (*MOVING, "video_given")
# Those whose mouth belongs to the clip's own voice.
HEARD = ("real", "still", "video")
# Clips whose sound is so many frames off are common.
OFTEN_OFF = 3
# Fewer silent frames of a clip say nothing.
LEAST_SILENCE = 4
# A mouth takes so many frames to close when a voice ends.
CLOSED_AFTER = 6
STILLS = ("still", "still_other", "still_shapes")
PICTURES = ("copied", "redrawn")
ALL = (*MOVING, *PICTURES)

Middle = Callable[..., np.ndarray]  # numpy's nanmean or nanmedian
Sums = Callable[[Score, str], np.ndarray | None]


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    key: str
    title: str
    takes: tuple[str, ...]
    # What one clip adds, (k,) of a take; None where the take has no such thing.
    sums: Sums
    # The figure from sums (..., k) over clips.
    value: Callable[[np.ndarray], np.ndarray]
    decimals: int = 2
    # From persons to the figure: where nothing follows the voice a lag can be any, and would
    # outweigh all others in a mean.
    middle: Middle = np.nanmean


def table(experts: Mapping[str, str]) -> list[Figure]:
    """All figures, in the order in which they are shown; `experts` are keys of measures by name."""
    return [
        Figure("opening_r", "mouth opening: correlation", MOVING, _moments, _at_lag_zero),
        Figure("opening_best", "  at the best lag within 3 frames", MOVING, _moments, _at_best_lag),
        Figure("opening_lag", "lag of the peak, frames", MOVING, _moments, _peak, 1, np.nanmedian),
        Figure("opening_spread", "spread of opening / real", MOVING, _spreads, _root_ratio),
        Figure("silence", "motion in silence / in speech", MOVING, _rests, _variances),
        Figure("pause", "motion in a pause / in speech", ("still",), _paused, _variances),
        *(
            Figure(f"lse_{kind} {name}", f"LSE-{kind.upper()} ({name})", JUDGED, of, _mean)
            for name, key in experts.items()
            for kind, of in (("d", _lse(key, 0)), ("c", _lse(key, 1)))
        ),
        *(
            Figure(
                f"told_{run} {name}",
                f"off-sync accuracy, Tv = {run} ({name})",
                HEARD,
                _told(key, run),
                sync_metrics.accuracy,
            )
            for name, key in experts.items()
            for run in sync_metrics.RUNS
        ),
        Figure("decibels", "mouth PSNR, dB (face at 96 px)", PICTURES, _listed("decibels"), _mean),
        Figure("likeness", "mouth SSIM (face at 96 px)", PICTURES, _listed("likeness"), _mean, 3),
        Figure(
            "full_decibels",
            "mouth PSNR, dB (source resolution)",
            PICTURES,
            _listed("full decibels"),
            _mean,
        ),
        Figure(
            "full_likeness",
            "mouth SSIM (source resolution)",
            PICTURES,
            _listed("full likeness"),
            _mean,
            3,
        ),
        Figure("sharpness", "sharpness of the mouth / real", ALL, _sharpness, _mean),
        Figure("detail", "sharpness of the mouth / the still", STILLS, _detail, _mean),
        Figure("identity", "identity distance", ALL, _listed("identity"), _mean, 3),
        Figure("outside", "change outside the mouth, levels", MADE, _listed("outside"), _mean),
        Figure("speed", "frames a second, one core", MADE, _as_it_is("speed"), _ratio, 0),
    ]


def _moments(score: Score, take: str) -> np.ndarray | None:
    if f"{take} opening" not in score:
        return None
    return mouth_metrics.moments(score["real opening"], score[f"{take} opening"]).ravel()


def _at_lag_zero(sums: np.ndarray) -> np.ndarray:
    return _correlations(sums)[..., mouth_metrics.MOST_LAG]


def _at_best_lag(sums: np.ndarray) -> np.ndarray:
    """What sound that is a little early or late in the clip itself does not spoil."""
    return _correlations(sums)[..., np.abs(mouth_metrics.LAGS) <= OFTEN_OFF].max(-1)


def _peak(sums: np.ndarray) -> np.ndarray:
    return mouth_metrics.LAGS[_correlations(sums).argmax(-1)].astype(float)


def _correlations(sums: np.ndarray) -> np.ndarray:
    return mouth_metrics.correlation(sums.reshape(*sums.shape[:-1], len(mouth_metrics.LAGS), 3))


def _spreads(score: Score, take: str) -> np.ndarray | None:
    if f"{take} opening" not in score:
        return None
    real, made = score["real opening"], score[f"{take} opening"]
    return np.array([made.var() * len(made), real.var() * len(real)])


def _root_ratio(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(_ratio(sums))


def _rests(score: Score, take: str) -> np.ndarray | None:
    """Sums of squares of the opening about its mean, and frames, in silence and in speech."""
    if f"{take} opening" not in score:
        return None
    opening, rest = score[f"{take} opening"], score["silent"]
    parts = (opening[rest], opening[~rest])
    if min(map(len, parts)) < LEAST_SILENCE:
        return np.zeros(4)
    return np.array([value for part in parts for value in (part.var() * len(part), len(part))])


def _paused(score: Score, take: str) -> np.ndarray | None:
    if "pause opening" not in score:
        return None
    speech = score[f"{take} opening"][~score["silent"]]
    after = score["pause opening"][CLOSED_AFTER:]
    return np.array([after.var() * len(after), len(after), speech.var() * len(speech), len(speech)])


def _variances(sums: np.ndarray) -> np.ndarray:
    return _divided(_ratio(sums[..., 0:2]), _ratio(sums[..., 2:4]))


def _lse(expert: str, which: int) -> Sums:
    def of(score: Score, take: str) -> np.ndarray | None:
        measured = score.get(f"{take} distances {expert}")
        return None if measured is None else np.array([sync_metrics.lse(measured)[which], 1.0])

    return of


def calibrated(scores: list[Score], persons: list[str], experts: list[str]) -> list[Score]:
    """The scores with what counts as in sync, which real video of other persons decides."""
    out = [dict(score) for score in scores]
    for name in experts:
        clips = [score[f"real distances {name}"] for score in scores]
        for run in sync_metrics.RUNS:
            for score, threshold in zip(
                out, sync_metrics.thresholds(persons, clips, run), strict=True
            ):
                score[f"threshold {run} {name}"] = np.array(threshold)
    return out


def _told(expert: str, run: int) -> Sums:
    def of(score: Score, take: str) -> np.ndarray | None:
        measured = score.get(f"{take} distances {expert}")
        if measured is None:
            return None
        return sync_metrics.told(measured, run, float(score[f"threshold {run} {expert}"]))

    return of


def _sharpness(score: Score, take: str) -> np.ndarray | None:
    if f"{take} sharpness" not in score:
        return None
    beside = "real sharpness" if take in MOVING else f"{take} real sharpness"
    made, real = score[f"{take} sharpness"].mean(), score[beside].mean()
    frames = len(score["real opening"])
    return np.array([made / max(real, 1e-9) * frames, frames])


def _detail(score: Score, take: str) -> np.ndarray | None:
    if f"{take} sharpness" not in score:
        return None
    values = score[f"{take} sharpness"] / max(float(score["unmoved sharpness"][0]), 1e-9)
    return np.array([values.sum(), len(values)])


def _listed(name: str) -> Sums:
    def of(score: Score, take: str) -> np.ndarray | None:
        values = score.get(f"{take} {name}")
        return None if values is None else np.array([values.sum(), len(values)])

    return of


def _as_it_is(name: str) -> Sums:
    return lambda score, take: score.get(f"{take} {name}")


def _mean(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums)


def _ratio(sums: np.ndarray) -> np.ndarray:
    return _divided(sums[..., 0], sums[..., 1])


def _divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full_like(np.asarray(a, float), np.nan), where=np.asarray(b) > 0)
