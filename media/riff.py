"""RIFF files: several WAVs one after the other, as recorders and `cat` write them."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from media.container import ByteRange
from media.errors import unreadable

_HEADER = 12  # bytes: RIFF, the size of what follows these first 8 bytes, WAVE
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # of a WAV that is written to a pipe
_NEXT_WAV = re.compile(rb"RIFF.{4}WAVE(?:fmt |JUNK|LIST|bext|fact)", re.DOTALL)


def wav_parts(path: str | Path) -> list[ByteRange | None]:
    """The parts of a file that are WAVs of their own; [None] for a file that is one sound.

    Raises MediaError: unreadable-media.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEADER)
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                return [None]
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                starts = list(_starts(data))
                stops = [*starts[1:], len(data)]
    except OSError as error:
        raise unreadable() from error
    if len(starts) == 1:
        return [None]
    return [ByteRange(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _starts(data: mmap.mmap) -> Iterator[int]:
    """Where the WAVs begin in `data`, which begins with one."""
    start: int | None = 0
    while start is not None:
        yield start
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        if size in _UNKNOWN_SIZES:
            found = _NEXT_WAV.search(data, start + _HEADER)
            start = found.start() if found else None
        else:
            stop = start + 8 + size + size % 2
            head = data[stop : stop + _HEADER]
            start = stop if head[:4] == b"RIFF" and head[8:] == b"WAVE" else None
