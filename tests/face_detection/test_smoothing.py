"""Steady boxes that do not lag."""

from fractions import Fraction

import numpy as np
import pytest

from face_detection.smoothing import smooth_boxes

FPS = Fraction(25)


def boxes(x: np.ndarray, y: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.stack([x - size / 2, y - size / 2, x + size / 2, y + size / 2], axis=1)


def test_even_motion_and_growth_stay_as_they_are() -> None:
    t = np.arange(40.0)
    moving = boxes(100 + 7 * t, 200 - 3 * t, 80 + t)
    assert smooth_boxes(moving, FPS) == pytest.approx(moving)


def test_a_nod_is_not_late() -> None:
    t = np.arange(100)
    nod = 20 * np.sin(2 * np.pi * t / 25)
    raw = boxes(np.full(100, 100.0), 200 + nod, np.full(100, 90.0))
    y = smooth_boxes(raw, FPS)[:, [1, 3]].mean(axis=1) - 200
    lags = [np.dot(nod[5:95], y[5 + lag : 95 + lag]) for lag in range(-3, 4)]
    assert np.argmax(lags) == 3
    assert np.abs(y).max() > 0.9 * 20


def test_jitter_is_taken_out() -> None:
    jitter = np.random.default_rng(0).normal(0, 1, (200, 4))
    raw = np.array([100.0, 100.0, 200.0, 220.0]) + jitter
    steady = smooth_boxes(raw, FPS)
    assert np.diff(steady, axis=0).std() < 0.25 * np.diff(raw, axis=0).std()


def test_a_box_that_differs_for_one_frame_has_no_say() -> None:
    raw = np.tile([100.0, 100.0, 200.0, 220.0], (30, 1))
    raw[15] = 60, 70, 260, 300
    assert smooth_boxes(raw, FPS) == pytest.approx(np.tile(raw[0], (30, 1)))


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_short_runs(frames: int) -> None:
    raw = np.tile([10.0, 20.0, 30.0, 50.0], (frames, 1))
    assert smooth_boxes(raw, FPS) == pytest.approx(raw)
