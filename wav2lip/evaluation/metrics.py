"""The lines of the table: each metric a function of sufficient statistics that add up over clips.

So clips can be pooled, and resampled for intervals (`bootstrap`) without being measured again. A
person's value pools the person's clips; a checkpoint's value is the mean over persons, so that one
person does not count more for having more clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wav2lip.evaluation import mouth_metrics, sync_metrics
from wav2lip.evaluation.measure import Measurements

# Groups of `conditions.CONDITIONS`, in the order in which they are shown.
SEQUENCES = ("real", "still", "still_other", "still_shapes", "toothy", "video", "video_other")
RENDERED = SEQUENCES[1:]
HEARD = (*SEQUENCES, "video_given")  # by a sync expert
OWN_VOICE = ("real", "still", "video")
STILLS = ("still", "still_other", "still_shapes")
RECONSTRUCTED = ("copied", "redrawn")
ALL = (*SEQUENCES, *RECONSTRUCTED)

# Clips whose own sound is early or late by this many frames are common.
COMMON_OFFSET = 3
# Variances of fewer silent frames of a clip mean nothing.
MIN_SILENT_FRAMES = 4
# Frames that a mouth needs to close when a voice ends.
CLOSING_FRAMES = 6

Aggregate = Callable[..., np.ndarray]  # np.nanmean or np.nanmedian
Statistics = Callable[[Measurements, str], np.ndarray | None]


@dataclass(frozen=True)
class Metric:
    """One line of the table."""

    key: str  # in evaluation.json
    title: str
    conditions: tuple[str, ...]
    # From a clip's measurements and a condition to what the clip adds, (k,); None if the condition
    # was not measured.
    statistics: Statistics
    # From sums of statistics, (..., k), to values, (...); NaN if nothing can be said.
    value: Callable[[np.ndarray], np.ndarray]
    decimals: int = 2
    # From the values of persons to that of the checkpoint. The median is for lags: where nothing
    # follows the voice the lag is arbitrary, and would outweigh all others in a mean.
    aggregate: Aggregate = np.nanmean


def all_metrics(experts: Mapping[str, str]) -> list[Metric]:
    """All metrics, in the order in which they are shown.

    `experts` are the names of sync experts and the keys of their measurements.
    """
    return [
        Metric("opening_r", "mouth opening: correlation", SEQUENCES, _moments, _at_lag_zero),
        Metric(
            "opening_best", "  at the best lag within 3 frames", SEQUENCES, _moments, _at_best_lag
        ),
        Metric(
            "opening_lag", "lag of the peak, frames", SEQUENCES, _moments, _peak, 1, np.nanmedian
        ),
        Metric("opening_spread", "spread of opening / real", SEQUENCES, _variances, _root_ratio),
        Metric("silence", "motion in silence / in speech", SEQUENCES, _in_silence, _variance_ratio),
        Metric("pause", "motion in a pause / in speech", ("still",), _in_pause, _variance_ratio),
        Metric("leak", "motion with silent sound / in speech", ("video",), _leak, _variance_ratio),
        *(
            Metric(f"lse_{kind} {name}", f"LSE-{kind.upper()} ({name})", HEARD, statistics, _ratio)
            for name, key in experts.items()
            for kind, statistics in (("d", _lse(key, 0)), ("c", _lse(key, 1)))
        ),
        *(
            Metric(
                f"told_{run} {name}",
                f"off-sync accuracy, Tv = {run} ({name})",
                OWN_VOICE,
                _decisions(key, run),
                sync_metrics.balanced_accuracy,
            )
            for name, key in experts.items()
            for run in sync_metrics.WINDOWS_AVERAGED
        ),
        Metric(
            "decibels", "mouth PSNR, dB (face at 96 px)", RECONSTRUCTED, _mean_of("psnr"), _ratio
        ),
        Metric(
            "likeness", "mouth SSIM (face at 96 px)", RECONSTRUCTED, _mean_of("ssim"), _ratio, 3
        ),
        Metric(
            "full_decibels",
            "mouth PSNR, dB (source resolution)",
            RECONSTRUCTED,
            _mean_of("full psnr"),
            _ratio,
        ),
        Metric(
            "full_likeness",
            "mouth SSIM (source resolution)",
            RECONSTRUCTED,
            _mean_of("full ssim"),
            _ratio,
            3,
        ),
        Metric("sharpness", "sharpness of the mouth / real", ALL, _sharpness, _ratio),
        Metric("detail", "sharpness of the mouth / the still", STILLS, _sharpness_of_still, _ratio),
        Metric("inside", "sharpness inside the lips / real", SEQUENCES, _sharpness_inside, _ratio),
        Metric("foreign", "foreign colour of the mouth, %", SEQUENCES, _mean_of("foreign"), _ratio),
        Metric("identity", "identity distance", ALL, _mean_of("identity"), _ratio, 3),
        Metric(
            "outside", "change outside the mouth, levels", RENDERED, _mean_of("outside"), _ratio
        ),
        Metric("speed", "frames a second, one core", RENDERED, _stored("speed"), _ratio, 0),
    ]


def with_thresholds(
    clips: list[Measurements], persons: list[str], experts: list[str]
) -> list[Measurements]:
    """The measurements of clips, each with `threshold <Tv> <expert>`: in sync is what is below.

    A clip's threshold is decided by the real video of other persons (held_out_thresholds).
    `experts` are keys of measurements.
    """
    out = [dict(clip) for clip in clips]
    for key in experts:
        real = [clip[f"real distances {key}"] for clip in clips]
        for run in sync_metrics.WINDOWS_AVERAGED:
            thresholds = sync_metrics.held_out_thresholds(persons, real, run)
            for clip, threshold in zip(out, thresholds, strict=True):
                clip[f"threshold {run} {key}"] = np.array(threshold)
    return out


# Statistics of one clip in one condition.


def _moments(clip: Measurements, condition: str) -> np.ndarray | None:
    if f"{condition} opening" not in clip:
        return None
    return mouth_metrics.lagged_moments(clip["real opening"], clip[f"{condition} opening"]).ravel()


def _variances(clip: Measurements, condition: str) -> np.ndarray | None:
    """Sums of squares of the opening about its mean: rendered and real."""
    if f"{condition} opening" not in clip:
        return None
    real, rendered = clip["real opening"], clip[f"{condition} opening"]
    return np.array([rendered.var() * len(rendered), real.var() * len(real)])


def _in_silence(clip: Measurements, condition: str) -> np.ndarray | None:
    """Sums of squares of the opening about its mean, and frames: in silence and in speech."""
    if f"{condition} opening" not in clip:
        return None
    opening, silent = clip[f"{condition} opening"], clip["silent"]
    parts = (opening[silent], opening[~silent])
    if min(map(len, parts)) < MIN_SILENT_FRAMES:
        return np.zeros(4)
    return np.array([value for part in parts for value in (part.var() * len(part), len(part))])


def _in_pause(clip: Measurements, condition: str) -> np.ndarray | None:
    """As `_in_silence`, in the silence after the voice instead of those within."""
    if "pause opening" not in clip:
        return None
    speech = clip[f"{condition} opening"][~clip["silent"]]
    after = clip["pause opening"][CLOSING_FRAMES:]
    return np.array([after.var() * len(after), len(after), speech.var() * len(speech), len(speech)])


def _leak(clip: Measurements, condition: str) -> np.ndarray | None:
    """As `_in_silence`, of the whole video: driven by silence, and as it really is."""
    if "silent opening" not in clip:
        return None
    silent, real = clip["silent opening"], clip["real opening"]
    return np.array([silent.var() * len(silent), len(silent), real.var() * len(real), len(real)])


def _lse(expert: str, which: int) -> Statistics:
    def statistics(clip: Measurements, condition: str) -> np.ndarray | None:
        distances = clip.get(f"{condition} distances {expert}")
        return None if distances is None else np.array([sync_metrics.lse(distances)[which], 1.0])

    return statistics


def _decisions(expert: str, run: int) -> Statistics:
    def statistics(clip: Measurements, condition: str) -> np.ndarray | None:
        distances = clip.get(f"{condition} distances {expert}")
        if distances is None:
            return None
        threshold = float(clip[f"threshold {run} {expert}"])
        return sync_metrics.decision_counts(distances, run, threshold)

    return statistics


def _sharpness(clip: Measurements, condition: str) -> np.ndarray | None:
    """The ratio of mean sharpnesses, weighted by the frames of the clip."""
    if f"{condition} sharpness" not in clip:
        return None
    compared = "real sharpness" if condition in SEQUENCES else f"{condition} real sharpness"
    rendered, real = clip[f"{condition} sharpness"].mean(), clip[compared].mean()
    frames = len(clip["real opening"])
    return np.array([rendered / max(real, 1e-9) * frames, frames])


def _sharpness_inside(clip: Measurements, condition: str) -> np.ndarray | None:
    """The ratio of mean sharpnesses of open mouths, weighted by the frames that show one."""
    values = clip.get(f"{condition} inside", np.array([]))
    values, real = (each[np.isfinite(each)] for each in (values, clip["real inside"]))
    if not len(values) or not len(real):
        return None
    return np.array([values.mean() / max(real.mean(), 1e-9) * len(values), len(values)])


def _sharpness_of_still(clip: Measurements, condition: str) -> np.ndarray | None:
    if f"{condition} sharpness" not in clip:
        return None
    values = clip[f"{condition} sharpness"] / max(float(clip["start sharpness"][0]), 1e-9)
    return np.array([values.sum(), len(values)])


def _mean_of(name: str) -> Statistics:
    def statistics(clip: Measurements, condition: str) -> np.ndarray | None:
        values = clip.get(f"{condition} {name}")
        return None if values is None else np.array([values.sum(), len(values)])

    return statistics


def _stored(name: str) -> Statistics:
    return lambda clip, condition: clip.get(f"{condition} {name}")


# Values from sums of statistics.


def _at_lag_zero(sums: np.ndarray) -> np.ndarray:
    return _correlations(sums)[..., mouth_metrics.MAX_LAG]


def _at_best_lag(sums: np.ndarray) -> np.ndarray:
    """The correlation that does not suffer from sound that is early or late in the clip itself."""
    return _correlations(sums)[..., np.abs(mouth_metrics.LAGS) <= COMMON_OFFSET].max(-1)


def _peak(sums: np.ndarray) -> np.ndarray:
    return mouth_metrics.LAGS[_correlations(sums).argmax(-1)].astype(float)


def _correlations(sums: np.ndarray) -> np.ndarray:
    return mouth_metrics.pearson(sums.reshape(*sums.shape[:-1], len(mouth_metrics.LAGS), 3))


def _root_ratio(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(_ratio(sums))


def _variance_ratio(sums: np.ndarray) -> np.ndarray:
    return _divide(_ratio(sums[..., 0:2]), _ratio(sums[..., 2:4]))


def _ratio(sums: np.ndarray) -> np.ndarray:
    return _divide(sums[..., 0], sums[..., 1])


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full_like(np.asarray(a, float), np.nan), where=np.asarray(b) > 0)
