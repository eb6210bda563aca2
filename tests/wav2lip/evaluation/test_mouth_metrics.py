"""Two mouths that move alike, one that comes late, and one that has nothing to do with it."""

import numpy as np
import pytest

from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation import mouth_metrics


@pytest.fixture
def opening() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.convolve(random.normal(size=400), np.ones(5) / 5, mode="same")


def peak(moments: np.ndarray) -> tuple[int, float]:
    by_lag = mouth_metrics.pearson(moments)
    return int(mouth_metrics.LAGS[by_lag.argmax()]), float(by_lag.max())


def test_a_copy_moves_alike_at_once(opening: np.ndarray) -> None:
    assert peak(mouth_metrics.lagged_moments(opening, opening)) == (0, pytest.approx(1))


@pytest.mark.parametrize("late", [-4, 3])
def test_a_late_mouth_is_found_late(opening: np.ndarray, late: int) -> None:
    lag, r = peak(mouth_metrics.lagged_moments(opening, np.roll(opening, late)))
    assert lag == late
    assert r > 0.99


def test_size_and_offset_of_a_movement_do_not_matter(opening: np.ndarray) -> None:
    assert peak(mouth_metrics.lagged_moments(opening, 0.1 * opening + 7)) == (0, pytest.approx(1))


def test_another_mouth_is_unlike(opening: np.ndarray) -> None:
    other = np.convolve(np.random.default_rng(1).normal(size=400), np.ones(5) / 5, mode="same")
    assert np.abs(mouth_metrics.pearson(mouth_metrics.lagged_moments(opening, other))).max() < 0.35


def test_a_still_mouth_is_like_nothing(opening: np.ndarray) -> None:
    assert not mouth_metrics.pearson(mouth_metrics.lagged_moments(opening, np.ones(400))).any()


def test_clips_that_differ_in_level_only_are_not_alike_for_that(opening: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(size=400)
    pooled = mouth_metrics.lagged_moments(opening, noise) + mouth_metrics.lagged_moments(
        opening + 50, noise + 50
    )
    assert abs(mouth_metrics.pearson(pooled)[mouth_metrics.MAX_LAG]) < 0.2


def test_silence_is_what_lasts_and_is_far_from_speech() -> None:
    hop = SAMPLE_RATE // 25
    loud = np.ones(60)
    loud[10:30] = 0.01
    loud[40:44] = 0.01  # a pause for breath
    noise = np.random.default_rng(0).normal(0, 0.1, 60 * hop)
    rests = mouth_metrics.silent_frames((noise * loud.repeat(hop)).astype(np.float32), 60)
    assert np.flatnonzero(rests).tolist() == list(range(14, 26))


def test_a_voice_that_never_pauses_has_no_silence() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 25 * 640).astype(np.float32)
    assert not mouth_metrics.silent_frames(noise, 25).any()


def test_after_its_end_a_voice_is_silent() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 25 * 640).astype(np.float32)
    assert mouth_metrics.silent_frames(noise, 60)[30:].all()
