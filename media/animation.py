"""Animated pictures: GIF and WebP.

The times of the frames are read from the blocks of the file, not by decoding: a small file can hold
gigabytes of one colour, and probing it must stay cheap.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, islice, pairwise
from math import gcd, lcm
from pathlib import Path
from typing import BinaryIO

import numpy as np

from media.media_info import working_size
from media.pictures import open_picture, resized, to_rgb
from media.signature import read_signature

# Browsers show shorter frames for a tenth of a second, and files are made for browsers.
_SHORTEST = Fraction(1, 50)
_INSTEAD_OF_SHORTER = Fraction(1, 10)
_EVEN = Fraction(1, 4)


def animation_times(path: str | Path, most: int | None = None) -> list[Fraction]:
    """The start of each frame of a GIF or WebP, in seconds, and at last the end of the animation.

    A single time, 0, is that of a file without a complete frame of its own. Only the first `most`
    frames are read. Raises MediaError as `read_signature` does.
    """
    read = {"GIF": _gif_durations, "WEBP": _webp_durations}.get(read_signature(Path(path)).format)
    if read is None:
        return [Fraction(0)]
    with Path(path).open("rb") as file:
        durations = list(islice(read(file), most))
    shown = (time if time >= _SHORTEST else _INSTEAD_OF_SHORTER for time in durations)
    return list(accumulate(shown, initial=Fraction(0)))


def animation_rate(times: list[Fraction]) -> Fraction:
    """Frames a second: the rate of an even pace, else the lowest that keeps every time, at most 50.

    A GIF counts in hundredths of a second: 15 a second is written as steps of 6 and 7.
    """
    count = len(times) - 1
    even = (count / times[-1]).limit_denominator(1001)
    if even <= 120 and all(abs(time * even - n) <= _EVEN for n, time in enumerate(times)):
        return even
    steps = [after - before for before, after in pairwise(times)]
    denominator = lcm(*(step.denominator for step in steps))
    ticks = gcd(*(int(step * denominator) for step in steps))
    return min(Fraction(denominator, ticks), Fraction(50))


def read_animation(
    path: str | Path, times: list[Fraction]
) -> Iterator[tuple[Fraction, np.ndarray]]:
    """The frames of a GIF or WebP: start in seconds, and RGB uint8 (height, width, 3) of one size.

    Raises MediaError: unreadable-media, too-large.
    """
    with open_picture(path) as image:
        width, height = image.size
        size = working_size(width, height)
        for number, time in enumerate(times[:-1]):
            image.seek(number)
            # Pillow lets a frame that leaves the canvas enlarge it; browsers cut it off.
            yield time, to_rgb(resized(image.crop((0, 0, width, height)), size))


def _gif_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each whole frame. The grammar is in appendix B of the GIF89a specification."""
    head = file.read(13)
    file.seek(_colour_table(head[10]), 1)
    seconds = Fraction(0)
    while (introducer := file.read(1)) not in (b"", b";"):
        if introducer == b"!":
            label, block = file.read(1), _sub_block(file)
            if label == b"\xf9" and len(block) >= 4:
                seconds = Fraction(int.from_bytes(block[1:3], "little"), 100)
            if not (block and _skip_sub_blocks(file)):
                continue
        elif introducer == b",":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return
            file.seek(_colour_table(descriptor[8]) + 1, 1)
            if not _skip_sub_blocks(file):
                return
            yield seconds
            seconds = Fraction(0)


def _colour_table(flags: int) -> int:
    """The size in bytes of the colour table that the flags announce."""
    return 3 << (flags % 8 + 1) if flags & 128 else 0


def _sub_block(file: BinaryIO) -> bytes:
    size = file.read(1)
    return file.read(size[0]) if size else b""


def _skip_sub_blocks(file: BinaryIO) -> bool:
    """Go past the empty block that ends a row of them; False where the file ends before."""
    while size := file.read(1):
        if size == b"\0":
            return True
        file.seek(size[0], 1)
    return False


def _webp_durations(file: BinaryIO) -> Iterator[Fraction]:
    """Seconds of each frame, from the ANMF chunks (WebP container specification)."""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head.startswith(b"ANMF"):
            frame = file.read(16)
            yield Fraction(int.from_bytes(frame[12:15], "little"), 1000)
            size -= 16
        file.seek(size + size % 2, 1)
