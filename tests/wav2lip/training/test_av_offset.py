"""What is said beside what is seen, at every lag."""

import numpy as np
import pytest

from wav2lip.training import av_offset
from wav2lip.training.av_offset import Piece


def piece(lag: int, seed: int = 0, length: int = 100) -> Piece:
    """Two openings: frame i shows what is said at frame i + lag."""
    said = np.random.default_rng(seed).normal(size=(length, 2))
    return said, np.roll(said, -lag, axis=0)


@pytest.mark.parametrize("lag", [-5, 0, 4])
def test_a_positive_lag_is_a_late_voice(lag: int) -> None:
    curve = av_offset.curve([piece(lag)], range(-6, 7))
    assert np.argmax(curve) - 6 == lag
    assert curve.max() == pytest.approx(1)


def test_a_clip_need_not_be_as_long_as_the_longest_lag() -> None:
    curve = av_offset.curve([piece(0, length=20)], range(-30, 31))
    assert np.flatnonzero(~np.isnan(curve)).tolist() == list(range(30 - 7, 30 + 8))


def test_short_clips_of_a_person_are_judged_together() -> None:
    pieces = [piece(2, seed, length=10) for seed in range(5)]
    assert np.isnan(av_offset.curve(pieces[:1], [0])).all()
    assert np.nanargmax(av_offset.curve(pieces, range(-4, 5))) - 4 == 2


def test_groups_that_follow_their_sound_are_found_with_their_lags() -> None:
    said, _ = piece(0)
    _, stranger = piece(0, seed=9)
    groups = {"late": [piece(3)], "right": [piece(0)], "stranger": [(said, stranger)]}
    assert av_offset.following(groups) == {"late": 3, "right": 0}


def test_a_lag_that_is_hardly_better_than_none_is_not_believed() -> None:
    slow = np.sin(np.arange(100) / 8)[:, None]
    assert av_offset.following({"slow": [(slow, np.roll(slow, -1, axis=0))]}) == {"slow": 0}


def test_what_is_too_short_to_tell_is_left_out() -> None:
    assert av_offset.following({"short": [piece(0, length=12)]}) == {}
