"""Loudness as EBU R128 defines it, of sounds of any level and length."""

import numpy as np
import pytest

from media.loudness import integrated_loudness

RATE = 48000


def measured(*blocks: np.ndarray) -> float | None:
    return integrated_loudness(lambda: iter(blocks), RATE)


def sine(seconds: float, decibels: float, channels: int = 2) -> np.ndarray:
    """997 Hz, the tone for which EBU Tech 3341 gives the values."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (decibels / 20) * np.sin(2 * np.pi * 997 * time)
    return np.tile(wave.astype(np.float32), (channels, 1))


@pytest.mark.parametrize("decibels", [-23.0, -33.0, 0.0, 60.0, -80.0])
def test_a_sine_on_both_channels_is_as_loud_as_its_peak(decibels: float) -> None:
    assert measured(sine(2, decibels)) == pytest.approx(decibels, abs=0.1)


def test_one_channel_is_three_decibels_less() -> None:
    assert measured(sine(2, -23, channels=1)) == pytest.approx(-26, abs=0.1)


def test_pauses_do_not_count() -> None:
    said, pause = sine(2, -20), sine(4, -60)
    assert measured(pause, said, pause) == pytest.approx(-20, abs=1)


@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.39])
def test_what_is_shorter_than_a_gating_block_has_a_loudness(seconds: float) -> None:
    assert measured(sine(seconds, -20)) == pytest.approx(-20, abs=0.3)


def test_silence_has_none() -> None:
    assert measured(np.zeros((2, RATE), np.float32)) is None
    assert measured() is None
