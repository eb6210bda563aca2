"""Which frame belongs to which moment, and what is shown when voice and video differ in length."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

SyncMode = Literal["bounce", "loop", "freeze", "remap", "cut_off", "silence"]
"""What a result shows when its voice and its video are not equally long.

bounce   as long as the voice; a shorter video plays there and back
loop     as long as the voice; a shorter video begins again
freeze   as long as the voice; a shorter video holds its last frame
remap    as long as the voice; the whole video is retimed to it
cut_off  ends with the shorter of the two
silence  the whole video, exactly; a longer voice is cut
"""
SYNC_MODES: tuple[SyncMode, ...] = get_args(SyncMode)


def round_half_up(value: Fraction) -> int:
    """The nearest whole number; halves go up (Python's `round` would go to the even one)."""
    return (2 * value + 1).__floor__() // 2


def result_frames(
    duration: Fraction,
    fps: Fraction,
    mode: SyncMode = "bounce",
    source_frames: int | None = None,
) -> int:
    """How many frames a result has whose voice lasts `duration` seconds: at least one.

    `source_frames` is None for a picture: it has no length of its own, and every mode is as
    long as the voice.
    """
    voiced = max(1, round_half_up(duration * fps))
    if source_frames is None:
        return voiced
    if mode == "silence":
        return source_frames
    return min(voiced, source_frames) if mode == "cut_off" else voiced


def bounce(index: int, count: int) -> int:
    """The frame shown at `index` when `count` frames play there and back without end.

    The two ends are not doubled: 0, 1, 2, 1, 0, 1, ... for three frames.
    """
    if count == 1:
        return 0
    phase = index % (2 * count - 2)
    return min(phase, 2 * count - 2 - phase)


def remap(index: int, count: int, total: int) -> int:
    """The frame shown at `index` when `count` frames are spread evenly over `total`.

    The nearest one in time; the first and the last are shown first and last.
    """
    return round_half_up(Fraction(index * (count - 1), max(1, total - 1)))


def source_indices(
    start: int, stop: int, count: int, mode: SyncMode = "bounce", total: int | None = None
) -> list[int]:
    """The frames of a source of `count` frames shown in the result frames start..stop.

    `total` is how many frames the result has; `remap` cannot do without (ValueError).
    """
    frames = range(start, stop)
    if mode == "bounce":
        return [bounce(index, count) for index in frames]
    if mode == "loop":
        return [index % count for index in frames]
    if mode == "remap":
        if total is None:
            raise ValueError("To spread a video over a result, the result's length is needed.")
        return [remap(index, count, total) for index in frames]
    return [min(index, count - 1) for index in frames]


def frames_shown(count: int, total: int, mode: SyncMode = "bounce") -> int:
    """How many of a source's `count` frames, from the first, a result of `total` can show.

    Frames beyond need no face searched in them.
    """
    return count if mode == "remap" and total > 1 else min(count, total)
