"""How sure a mean over persons is: persons, and the clips of each, are drawn again with return.

Efron and Tibshirani, "An Introduction to the Bootstrap" (1993): percentile intervals. Draws depend
on the seed and on how many clips each person has, and on nothing else, so that two checkpoints that
were measured on the same clips are drawn alike, and their difference too (a paired comparison).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
LEVEL = 95.0


@dataclass(frozen=True)
class Estimate:
    """A mean over persons with its 95 % interval, which is None where there is nothing to draw."""

    mean: float
    low: float | None
    high: float | None
    persons: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        return {
            "mean": _plain(self.mean),
            "low": _plain(self.low),
            "high": _plain(self.high),
            "persons": {name: _plain(value) for name, value in self.persons.items()},
        }


def estimate(
    sums: dict[str, np.ndarray],
    value: Callable[[np.ndarray], np.ndarray],
    middle: Callable[..., np.ndarray] = np.nanmean,
    minus: dict[str, np.ndarray] | None = None,
    seed: int = 0,
) -> Estimate:
    """The `middle` over persons of `value`, from each person's clips: sums (clips, k) -> numbers.

    With `minus`, the same of another checkpoint on the same clips: the difference. Persons for whom
    there is no value (no silence, say) are left out.
    """
    random = np.random.default_rng(seed)
    once, drawn = {}, []
    for name, rows in sums.items():
        weights = random.multinomial(len(rows), [1 / len(rows)] * len(rows), DRAWS)
        at_once, again = value(rows.sum(0)), value(weights @ rows)
        if minus is not None:
            at_once = at_once - value(minus[name].sum(0))
            again = again - value(weights @ minus[name])
        if np.isfinite(at_once):
            once[name] = float(at_once)
            drawn.append(again)
    if not once:
        return Estimate(float("nan"), None, None, {})
    mean = float(middle(list(once.values())))
    if len(once) == 1 and all(len(sums[name]) == 1 for name in once):
        return Estimate(mean, None, None, once)
    return Estimate(mean, *_interval(drawn, middle, random), once)


def _interval(
    drawn: Sequence[np.ndarray], middle: Callable[..., np.ndarray], random: np.random.Generator
) -> tuple[float, float]:
    of_persons = np.stack(drawn)  # (persons, draws)
    people = len(of_persons)
    who = random.integers(0, people, (DRAWS, people)) if people > 1 else np.zeros((DRAWS, 1), int)
    which = random.integers(0, DRAWS, who.shape)
    chosen = of_persons[who, which]
    # The clips drawn may all be without silence, say.
    means = middle(chosen[np.isfinite(chosen).any(axis=1)], axis=1)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(means, (tail, 100 - tail))
    return float(low), float(high)


def _plain(number: float | None) -> float | None:
    return None if number is None or not np.isfinite(number) else round(float(number), 4)
