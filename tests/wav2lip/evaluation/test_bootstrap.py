"""Means over persons, and how sure they are."""

import numpy as np
import pytest

from wav2lip.evaluation.bootstrap import estimate


def ratio(statistics: np.ndarray) -> np.ndarray:
    return np.divide(
        statistics[..., 0],
        statistics[..., 1],
        out=np.full(np.shape(statistics)[:-1], np.nan),
        where=statistics[..., 1] > 0,
    )


def people(seed: int = 0, count: int = 12) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        f"person {n}": np.stack((random.normal(0.5, 0.1, clips), np.ones(clips)), 1)
        for n, clips in enumerate(random.integers(1, 6, count))
    }


def test_the_interval_holds_the_mean_and_is_as_wide_as_the_spread_asks_for() -> None:
    statistics = people()
    found = estimate(statistics, ratio)
    error = np.std(list(found.persons.values()), ddof=1) / len(statistics) ** 0.5
    assert found.low < found.mean < found.high
    assert 2 * error < found.high - found.low < 6 * error


def test_a_person_counts_once_however_many_clips() -> None:
    statistics = {"much": np.tile([0.0, 1.0], (99, 1)), "little": np.array([[1.0, 1.0]])}
    assert estimate(statistics, ratio).mean == 0.5


def test_one_person_is_judged_by_the_clips() -> None:
    found = estimate({"anna": people(count=1)["person 0"].repeat(3, axis=0)}, ratio)
    assert found.low <= found.mean <= found.high
    assert found.low < found.high


def test_one_clip_has_no_interval() -> None:
    found = estimate({"anna": np.array([[0.3, 1.0]])}, ratio)
    assert (found.mean, found.low, found.high) == (0.3, None, None)


def test_who_has_no_value_is_left_out() -> None:
    statistics = people() | {"never silent": np.zeros((2, 2))}
    assert estimate(statistics, ratio).mean == pytest.approx(estimate(people(), ratio).mean)
    assert np.isnan(estimate({"never silent": np.zeros((2, 2))}, ratio).mean)


def test_the_same_small_gain_for_everybody_is_sure() -> None:
    before = people()
    after = {name: rows + np.array([0.01, 0]) for name, rows in before.items()}
    gain = estimate(after, ratio, baseline=before)
    alone = estimate(after, ratio)
    assert (gain.low, gain.mean, gain.high) == pytest.approx((0.01, 0.01, 0.01))
    assert alone.high - alone.low > 0.01


def test_a_median_does_not_follow_one_stray_person() -> None:
    statistics = {f"{n}": np.array([[0.0, 1.0]]) for n in range(8)} | {
        "stray": np.array([[-9.0, 1.0]])
    }
    assert estimate(statistics, ratio, np.nanmedian).mean == 0
    assert estimate(statistics, ratio).mean == -1
