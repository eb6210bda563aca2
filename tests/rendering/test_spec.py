from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_detection.persons import Person
from media.errors import NamedError
from media.probe import MediaInfo
from media.timeline import SYNC_MODES
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack, frames_to_detect, plan
from rendering.visibility import Presence, not_animated, presence

PICTURE = MediaInfo("image", 640, 480)
FILM = MediaInfo("video", 640, 480, Fraction(30), 90, Fraction(3), True)


def source(info: MediaInfo = FILM, **options: Any) -> Source:
    return Source(Path("face"), info, Options(**options))


def spec(source: Source, *voices: VoiceTrack) -> RenderSpec:
    moving = Person(
        1,
        np.array([0, 1]),
        np.array([[0, 0, 50, 60], [4, 0, 54, 60]], np.float32),
        np.ones(2, np.float32),
        Fraction(30),
    )
    return RenderSpec(source, voices, (moving,))


@given(st.integers(1, 5000), st.fractions(1, 120), st.floats(0.05, 30))
def test_segments_are_the_whole_in_order(frames: int, fps: Fraction, seconds: float) -> None:
    ranges = plan(frames, fps, seconds)
    assert [n for start, stop in ranges for n in range(start, stop)] == list(range(frames))


def test_a_short_rest_gets_no_segment_of_its_own() -> None:
    assert plan(126, Fraction(25), 5) == [(0, 126)]
    assert plan(200, Fraction(25), 5) == [(0, 125), (125, 200)]


def test_a_result_lasts_until_the_last_voice_ends() -> None:
    first = VoiceTrack(Path("a"), 1, Fraction(2))
    second = VoiceTrack(Path("b"), 1, Fraction(1), start=Fraction(5, 2))
    assert spec(source(), first, second).frames == 105
    assert spec(source(PICTURE), first).frames == 50
    assert spec(source(PICTURE, fps=Fraction(30)), first).frames == 60
    assert spec(source(still=True), first).frames == 60
    assert spec(source(still=True, fps=Fraction(50)), first).frames == 100
    assert spec(source(fps=Fraction(50)), first).frames == 60


def test_only_frames_that_the_result_shows_are_searched() -> None:
    short, long = [Fraction(1)], [Fraction(100)]
    assert frames_to_detect(source(), short) == 30
    assert frames_to_detect(source(), long) == 90
    assert frames_to_detect(source(static=True), long) == 1
    assert frames_to_detect(source(still=True), long) == 1
    assert frames_to_detect(source(PICTURE), long) == 1
    assert frames_to_detect(source(box=(0.0, 0.0, 9.0, 9.0)), long) == 0


def test_a_result_may_last_as_long_as_the_video() -> None:
    voice = VoiceTrack(Path("a"), 1, Fraction(2))
    silence = spec(source(sync_mode="silence"), voice)
    assert silence.frames == 90
    assert silence.indices(58, 62) == [58, 59, 60, 61]
    remap = spec(source(sync_mode="remap"), voice)
    assert remap.frames == 60
    assert remap.indices(0, 1) + remap.indices(59, 60) == [0, 89]
    long = VoiceTrack(Path("a"), 1, Fraction(4))
    assert spec(source(sync_mode="cut_off"), long).frames == 90
    assert spec(source(sync_mode="freeze"), long).indices(88, 92) == [88, 89, 89, 89]
    assert spec(source(sync_mode="loop"), long).indices(88, 92) == [88, 89, 0, 1]
    for mode in SYNC_MODES:
        assert spec(source(PICTURE, sync_mode=mode), voice).frames == 50
        assert spec(source(still=True, sync_mode=mode), voice).indices(0, 2) == [0, 0]


def test_frames_are_searched_as_far_as_the_mode_shows_them() -> None:
    short = [Fraction(1)]
    searched = {mode: frames_to_detect(source(sync_mode=mode), short) for mode in SYNC_MODES}
    whole = {"remap": 90, "silence": 90}
    assert searched == dict.fromkeys(SYNC_MODES, 30) | whole


def test_what_is_out_of_sight_is_told_in_seconds_of_the_result() -> None:
    # 120 frames; the person is in the first two of 90
    voice = VoiceTrack(Path("a"), 1, Fraction(4))
    first, second = not_animated(spec(source(sync_mode="loop"), voice))
    assert (first.person, first.start, first.stop) == (1, 0.067, 3.0)
    assert (second.start, second.stop, second.reason) == (3.067, 4.0, "out-of-sight")
    assert not_animated(spec(source(static=True), voice)) == []
    assert not_animated(spec(source(), replace(voice, person=2))) == []


def test_a_person_is_in_sight_from_time_to_time() -> None:
    moving = spec(source()).persons[0]
    assert presence(source(), moving, 30) == Presence([[0.0, 0.067]], 2 / 30)
    assert presence(source(static=True), moving, 1) == Presence([[0.0, 3.0]], 1.0)


def test_the_box_follows_the_person_unless_it_is_fixed() -> None:
    moving, fixed = spec(source(smooth=False)), spec(source(static=True, smooth=False))
    (person,) = moving.persons
    assert moving.box(person, 1) == (4, 0, 54, 60)
    assert moving.box(person, 50) is None
    assert fixed.box(person, 50) == (0, 0, 50, 60)


def test_the_options_change_the_size_in_the_originals_order() -> None:
    assert source(resize_factor=2, rotate=True).size == (240, 320)
    assert source(crop=(0, 100, 20, -1)).size == (620, 100)
    with pytest.raises(NamedError, match="leaves nothing"):
        _ = source(crop=(600, 700, 0, -1)).size
