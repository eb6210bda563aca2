"""Why a face that is there, or was, is left as it is."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from face_detection.persons import Person
from media.probe import MediaInfo
from rendering.drawable import undrawable
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack
from rendering.visibility import not_animated

FPS = Fraction(25)
LENGTH = 100
VIDEO = MediaInfo("video", 640, 360, FPS, LENGTH, Fraction(4), True)


def person(heights: np.ndarray | float = 100.0, yaws: np.ndarray | float = 0.0) -> Person:
    """In the middle of the frame, all the time."""
    half = np.broadcast_to(heights, LENGTH)[:, None] / 2
    boxes = np.hstack([320 - half, 180 - half, 320 + half, 180 + half]).astype(np.float32)
    frames, ones = np.arange(LENGTH), np.ones(LENGTH, np.float32)
    turned = (yaws * ones).astype(np.float32)
    return Person(1, frames, boxes, ones, FPS, (), 0 * ones, turned)


def absent(whole: Person, start: int, stop: int) -> Person:
    there = np.flatnonzero((whole.frames < start) | (whole.frames >= stop))
    return replace(
        whole,
        frames=whole.frames[there],
        boxes=whole.boxes[there],
        scores=whole.scores[there],
        rolls=None if whole.rolls is None else whole.rolls[there],
        yaws=None if whole.yaws is None else whole.yaws[there],
    )


def told(each: Person) -> list[tuple[str, float, float]]:
    source = Source(Path("film.mp4"), VIDEO, Options())
    voice = VoiceTrack(Path("voice.wav"), 1, Fraction(4))
    spec = RenderSpec(source, (voice,), (each,))
    missed = not_animated(spec)
    for stretch in missed:
        middle = round((stretch.start + stretch.stop) / 2 * FPS)
        assert spec.box(each, middle) is None
    return [(stretch.reason, stretch.start, stretch.stop) for stretch in missed]


def test_a_face_that_is_large_and_turned_to_the_camera_is_drawn_throughout() -> None:
    assert told(person(yaws=-40)) == []


def test_who_turns_away_is_left_alone_without_flicker() -> None:
    yaw = np.interp(np.arange(LENGTH), [20, 40, 60, 80], [0, 90, 90, 0])
    wobble = yaw + 3 * np.sin(np.arange(LENGTH) * 2)
    [(reason, start, stop)] = told(person(yaws=wobble))
    assert reason == "turned-away"
    assert (start, stop) == (pytest.approx(1.25, abs=0.1), pytest.approx(2.8, abs=0.1))


def test_a_face_that_grows_is_drawn_from_the_size_on_that_has_a_mouth() -> None:
    growing = person(heights=np.linspace(20, 60, LENGTH))
    [(reason, start, stop)] = told(growing)
    assert (reason, start) == ("too-small", 0)
    assert stop == pytest.approx((34 - 20) / 40 * 4, abs=0.1)
    assert set(undrawable(growing).values()) == {"too-small"}


@pytest.mark.parametrize(
    ("before", "reason"), [(0.0, "hidden"), (42.0, "turned-away"), (-42.0, "turned-away")]
)
def test_who_is_lost_within_a_shot_is_hidden_or_has_turned(before: float, reason: str) -> None:
    assert told(absent(person(yaws=before), 30, 60)) == [(reason, 1.2, 2.4)]


def test_who_is_lost_at_the_border_or_a_cut_is_out_of_sight() -> None:
    gone = absent(person(), 30, 60)
    at_border = replace(gone, boxes=gone.boxes - np.array([270, 0, 270, 0], np.float32))
    assert told(at_border) == [("out-of-sight", 1.2, 2.4)]
    assert told(replace(gone, cuts=(45,))) == [("out-of-sight", 1.2, 2.4)]
