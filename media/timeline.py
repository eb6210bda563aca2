"""Which frame belongs to which moment."""

from __future__ import annotations

from fractions import Fraction


def round_half_up(value: Fraction) -> int:
    """The nearest whole number; halves go up (Python's `round` would go to the even one)."""
    return (2 * value + 1).__floor__() // 2


def result_frames(duration: Fraction, fps: Fraction) -> int:
    """How many frames a result of `duration` seconds has: at least one."""
    return max(1, round_half_up(duration * fps))


def bounce(index: int, count: int) -> int:
    """The frame shown at `index` when `count` frames play there and back without end.

    The two ends are not doubled: 0, 1, 2, 1, 0, 1, ... for three frames.
    """
    if count == 1:
        return 0
    phase = index % (2 * count - 2)
    return min(phase, 2 * count - 2 - phase)


def source_indices(start: int, stop: int, count: int) -> list[int]:
    """The frames of a source of `count` frames shown in the result frames start..stop."""
    return [bounce(index, count) for index in range(start, stop)]
