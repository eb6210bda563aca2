"""Confidence intervals of a mean over persons, by the bootstrap.

Persons, and the clips of each, are resampled with replacement; intervals are percentiles (Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993). Resamples depend on the seed and on the
number of clips of each person alone, so that two checkpoints that were measured on the same clips
are resampled alike: their difference is a paired comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
CONFIDENCE = 95.0  # percent


@dataclass(frozen=True)
class Estimate:
    """A mean over persons and its 95 % interval, which is None if there is but one clip."""

    mean: float
    low: float | None
    high: float | None
    persons: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """The fields as JSON values, rounded to four decimals; None where there is no number."""
        return {
            "mean": _rounded(self.mean),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "persons": {name: _rounded(value) for name, value in self.persons.items()},
        }


def estimate(
    statistics: dict[str, np.ndarray],
    value: Callable[[np.ndarray], np.ndarray],
    aggregate: Callable[..., np.ndarray] = np.nanmean,
    baseline: dict[str, np.ndarray] | None = None,
    seed: int = 0,
) -> Estimate:
    """The `aggregate` over persons of `value`, with its interval.

    `statistics` holds for each person what each clip adds, (clips, k); `value` turns sums of them,
    (..., k), into numbers, (...). With a `baseline`, the statistics of another checkpoint on the
    same clips, it is the difference to that. Persons without a value (NaN: no silence, say) are
    left out; without any person the mean is NaN.
    """
    random = np.random.default_rng(seed)
    values, resampled = {}, []
    for name, rows in statistics.items():
        weights = random.multinomial(len(rows), [1 / len(rows)] * len(rows), RESAMPLES)
        person, draws = value(rows.sum(0)), value(weights @ rows)
        if baseline is not None:
            person = person - value(baseline[name].sum(0))
            draws = draws - value(weights @ baseline[name])
        if np.isfinite(person):
            values[name] = float(person)
            resampled.append(draws)
    if not values:
        return Estimate(float("nan"), None, None, {})
    mean = float(aggregate(list(values.values())))
    if len(values) == 1 and all(len(statistics[name]) == 1 for name in values):
        return Estimate(mean, None, None, values)
    return Estimate(mean, *_interval(resampled, aggregate, random), values)


def _interval(
    resampled: Sequence[np.ndarray],
    aggregate: Callable[..., np.ndarray],
    random: np.random.Generator,
) -> tuple[float, float]:
    of_persons = np.stack(resampled)  # (persons, RESAMPLES)
    count = len(of_persons)
    if count > 1:
        persons = random.integers(0, count, (RESAMPLES, count))
    else:
        persons = np.zeros((RESAMPLES, 1), int)
    draws = random.integers(0, RESAMPLES, persons.shape)
    chosen = of_persons[persons, draws]
    # A resample of clips without any silence, say, has no value.
    means = aggregate(chosen[np.isfinite(chosen).any(axis=1)], axis=1)
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return float(low), float(high)


def _rounded(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else round(float(number), 4)
