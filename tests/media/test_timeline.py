"""Which frame belongs to which moment."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.timeline import bounce, result_frames, round_half_up, source_indices

NTSC = Fraction(30000, 1001)


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
