"""Which frame belongs to which moment."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.timeline import (
    SYNC_MODES,
    bounce,
    frames_shown,
    result_frames,
    round_half_up,
    source_indices,
)

NTSC = Fraction(30000, 1001)
LENGTHS = st.integers(1, 300)
MODES = st.sampled_from(SYNC_MODES)


@pytest.mark.parametrize(
    ("duration", "fps", "frames"),
    [
        (Fraction(2), Fraction(25), 50),
        (Fraction(1, 50), Fraction(25), 1),
        (Fraction(1, 1000), Fraction(25), 1),
        (Fraction(5, 50), Fraction(25), 3),
        (Fraction(10), NTSC, 300),
        (Fraction(3600), NTSC, 107892),
    ],
)
def test_a_result_is_as_long_as_its_voice(duration, fps, frames):
    assert result_frames(duration, fps) == frames


def test_halves_go_up():
    assert [round_half_up(Fraction(n, 2)) for n in range(-3, 6)] == [-1, -1, 0, 0, 1, 1, 2, 2, 3]


def test_there_and_back_without_doubled_ends():
    assert [bounce(index, 3) for index in range(9)] == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert [bounce(index, 2) for index in range(5)] == [0, 1, 0, 1, 0]
    assert [bounce(index, 1) for index in range(3)] == [0, 0, 0]


@given(start=st.integers(0, 10_000), length=st.integers(2, 200), count=st.integers(2, 500))
def test_the_picture_never_jumps(start, length, count):
    indices = source_indices(start, start + length, count)
    assert len(indices) == length
    assert all(0 <= index < count for index in indices)
    assert all(abs(after - before) == 1 for before, after in pairwise(indices))


@pytest.mark.parametrize(
    ("mode", "shorter_voice", "longer_voice"),
    [
        ("bounce", [0, 1], [0, 1, 2, 1, 0, 1, 2]),
        ("loop", [0, 1], [0, 1, 2, 0, 1, 2, 0]),
        ("freeze", [0, 1], [0, 1, 2, 2, 2, 2, 2]),
        ("remap", [0, 2], [0, 0, 1, 1, 1, 2, 2]),
        ("cut_off", [0, 1], [0, 1, 2]),
        ("silence", [0, 1, 2], [0, 1, 2]),
    ],
)
def test_three_frames_for_a_voice_of_two_and_of_seven(mode, shorter_voice, longer_voice):
    for voice, shown in ((2, shorter_voice), (7, longer_voice)):
        total = result_frames(Fraction(voice), Fraction(1), mode, 3)
        assert source_indices(0, total, 3, mode, total) == shown


@pytest.mark.parametrize("mode", SYNC_MODES)
def test_a_picture_is_shown_as_long_as_the_voice(mode):
    total = result_frames(Fraction(2), Fraction(25), mode)
    assert total == 50
    assert source_indices(0, total, 1, mode, total) == [0] * 50


@given(voice=LENGTHS, count=LENGTHS, mode=MODES)
def test_frames_shown_is_all_that_is_ever_shown(voice, count, mode):
    total = result_frames(Fraction(voice), Fraction(1), mode, count)
    shown = source_indices(0, total, count, mode, total)
    assert len(shown) == total
    assert min(shown) >= 0
    assert frames_shown(count, total, mode) == max(shown) + 1 <= count


@given(voice=LENGTHS, count=LENGTHS, mode=MODES, cut=st.integers(0, 300))
def test_segments_show_what_the_whole_shows(voice, count, mode, cut):
    total = result_frames(Fraction(voice), Fraction(1), mode, count)
    cut = min(cut, total)
    parts = [source_indices(*ends, count, mode, total) for ends in ((0, cut), (cut, total))]
    assert parts[0] + parts[1] == source_indices(0, total, count, mode, total)


@given(voice=LENGTHS, count=LENGTHS, mode=MODES)
def test_a_video_as_long_as_its_voice_is_shown_as_it_is(voice, count, mode):
    assert result_frames(Fraction(count), Fraction(1), mode, count) == count
    assert source_indices(0, count, count, mode, count) == list(range(count))


@given(total=LENGTHS, count=st.integers(2, 300))
def test_retiming_shows_both_ends_at_an_even_pace(total, count):
    shown = source_indices(0, total, count, "remap", total)
    assert shown[0] == 0
    assert total == 1 or shown[-1] == count - 1
    steps = {after - before for before, after in pairwise(shown)}
    assert not steps or max(steps) - min(steps) <= 1


def test_retiming_needs_to_know_the_length_of_the_result():
    with pytest.raises(ValueError, match="length"):
        source_indices(0, 5, 3, "remap")
