"""Hard cuts are found, and nothing else is taken for one."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, chelsea, coffee, rocket

from face_detection.shots import change, cuts, signature

PICTURES = [cv2.resize(picture(), (480, 320)) for picture in (astronaut, chelsea, coffee, rocket)]


def shot(picture: np.ndarray, length: int, speed: float = 0.3, noise: int = 0) -> list[np.ndarray]:
    """A camera that drifts over `picture`, `speed` pixels a frame, and adds its noise."""
    random = np.random.default_rng(noise)
    frames = []
    for t in range(length):
        move = np.array([[1.3, 0, -speed * t - 5], [0, 1.3, -speed * t / 3 - 5]])
        frame = cv2.warpAffine(picture, move, (480, 320), borderMode=cv2.BORDER_REFLECT)
        frames.append(np.clip(frame + random.normal(0, 4, frame.shape), 0, 255).astype(np.uint8))
    return frames


def found(frames: list[np.ndarray]) -> list[int]:
    return cuts(np.array([signature(frame) for frame in frames]))


def blend(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    return cv2.addWeighted(before, 1 - share, after, share, 0)


def test_every_shot_but_the_first_starts_with_a_cut() -> None:
    frames = [frame for n, picture in enumerate(PICTURES) for frame in shot(picture, 20, noise=n)]
    assert found(frames) == [20, 40, 60]


def test_a_cut_is_seen_from_any_part_of_the_source() -> None:
    """Each part leaves its signatures by itself; the cut lies where two parts meet."""
    parts = [shot(PICTURES[0], 25), shot(PICTURES[1], 25)]
    kept = [np.array([signature(frame) for frame in part]) for part in parts]
    assert cuts(np.concatenate(kept)) == [25]


def test_a_change_of_place_within_a_second_is_two_cuts() -> None:
    away = shot(PICTURES[2], 12)
    assert found(shot(PICTURES[0], 30) + away + shot(PICTURES[0], 30)) == [30, 42]


def test_shots_cut_into_an_unsteady_view_are_found() -> None:
    assert found(shot(PICTURES[0], 30, speed=12) + shot(PICTURES[3], 30, speed=12)) == [30]


def test_a_cut_through_a_blended_frame_is_one_cut() -> None:
    before, after = shot(PICTURES[0], 20), shot(PICTURES[1], 20)
    [cut] = found([*before, blend(before[-1], after[0], 0.5), *after])
    assert cut in (20, 21)


@pytest.mark.parametrize("length", [10, 25, 50])
def test_a_dissolve_is_no_cut(length: int) -> None:
    before, after = shot(PICTURES[0], 30 + length), shot(PICTURES[1], 30 + length)
    shares = (np.arange(length) + 0.5) / length
    mixed = [blend(before[30 + i], after[i], share) for i, share in enumerate(shares.tolist())]
    assert found(before[:30] + mixed + after[length:]) == []


@pytest.mark.parametrize("length", [8, 15, 30])
def test_a_fade_through_black_is_no_cut(length: int) -> None:
    light = np.linspace(1, 0, length)
    out, into = shot(PICTURES[0], 30 + length), shot(PICTURES[1], 30 + length)
    for i, share in enumerate(light.tolist()):
        out[30 + i] = (out[30 + i] * share).astype(np.uint8)
        into[length - 1 - i] = (into[length - 1 - i] * share).astype(np.uint8)
    assert found(out + into) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_flashes_are_no_cuts(length: int) -> None:
    frames = shot(PICTURES[0], 60)
    for at in (20, 21, 22)[:length]:
        frames[at] = blend(frames[at], np.full_like(frames[at], 255), 0.9)
    for at in (40, 41, 42)[:length]:
        frames[at] = np.full_like(frames[at], 250)
    assert found(frames) == []


def test_lamps_that_are_switched_are_no_cut() -> None:
    bright = shot(PICTURES[0], 40)
    assert found([frame // 3 if t >= 20 else frame for t, frame in enumerate(bright)]) == []


@pytest.mark.parametrize("frames", [5, 12, 25])
def test_a_fast_pan_is_no_cut(frames: int) -> None:
    """From one view to the next within 0.2 to 1 s, blurred as a camera does."""
    wide = np.hstack([PICTURES[0], PICTURES[1]])
    steps = np.concatenate([np.zeros(30), np.linspace(0, 480, frames), np.full(30, 480)])
    blur = max(480 // frames // 2, 1)
    smeared = cv2.blur(wide, (blur, 1))
    moving = np.append(np.diff(steps) > 0, False)
    film = [
        (smeared if moves else wide)[:, round(x) : round(x) + 480]
        for x, moves in zip(steps, moving, strict=True)
    ]
    assert found(film) == []


def test_somebody_who_walks_through_is_no_cut() -> None:
    frames = shot(PICTURES[1], 60)
    for t in range(20, 47):
        x = (t - 20) * 24 - 150
        frames[t][60:, max(x, 0) : max(x + 150, 0)] = (40, 30, 60)
    assert found(frames) == []


def test_repeated_frames_are_no_cuts() -> None:
    """12 frames a second brought to 25, in a view that moves."""
    frames = shot(PICTURES[0], 30, speed=15)
    assert found([frame for frame in frames for _ in range(2)]) == []


def test_at_a_higher_rate_a_flash_takes_more_frames() -> None:
    frames = shot(PICTURES[0], 120)
    for at in range(60, 67):
        frames[at] = np.full_like(frames[at], 255)
    seen = np.array([signature(frame) for frame in frames])
    assert cuts(seen, Fraction(60)) == []


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_source_of_a_few_frames(length: int) -> None:
    seen = np.array([signature(frame) for frame in shot(PICTURES[0], length)], np.uint8)
    assert cuts(seen.reshape(-1, 24, 24)) == []


def test_a_signature_is_small_and_of_one_frame_only() -> None:
    assert signature(PICTURES[0]).shape == (24, 24)
    assert signature(PICTURES[0]).dtype == np.uint8


def test_change_is_none_between_equal_and_one_between_unrelated_pictures() -> None:
    seen = np.array([signature(picture) for picture in PICTURES])
    assert change(seen, seen) == pytest.approx([0] * 4, abs=1e-6)
    dimmed = change(seen, seen // 2)
    assert dimmed.max() < 0.03
    assert change(seen, np.roll(seen, 1, axis=0)).min() > 0.5
