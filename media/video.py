"""Reading video at a constant rate, frame by frame, from anywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import av
import numpy as np

from media.animation import animation_rate, animation_times, read_animation
from media.container import (
    can_seek,
    decoded,
    good_packets,
    has_order_only,
    open_media,
    packet_end,
    required_video_stream,
    stream_rate,
    stream_start,
    time_base,
)
from media.deinterlace import deinterlaced
from media.errors import unreadable
from media.media_info import working_rate
from media.planar import BT709, Colours, Planar, PlanarConverter, colours_of, has_centred_colours
from media.signature import read_signature
from media.timeline import result_frames, round_half_up
from media.upright import Upright
from media.video_writer import STILL_CRF, VIDEO_CRF, VideoWriter

__all__ = [
    "STILL_CRF",
    "VIDEO_CRF",
    "VideoWriter",
    "read_frames",
    "read_frames_at",
    "read_planar_at",
    "stored_colours",
]

Frame = TypeVar("Frame", np.ndarray, Planar)
# A picture of the source: its start in seconds from the first one, and a function that gives its
# frame. The last of a sequence has no frame: it is the end of the video.
_Picture = tuple[Fraction, Callable[[], Frame] | None]


class _Kind(NamedTuple, Generic[Frame]):
    """How frames of one kind are made, from the decoded pictures of a stream and from RGB."""

    of_stream: Callable[[av.VideoStream], Callable[[av.VideoFrame], Frame]]
    of_rgb: Callable[[np.ndarray], Frame]


_HELD_BYTES = 100 * 1024**2
_WORTH_SEEKING = 100
# Seconds before the wanted time at which to seek to a keyframe. Some containers seek by decoding
# time and land a little late; None reads from the beginning, which is always right.
_LEADS = (Fraction(1), Fraction(10), None)


def read_frames(
    path: str | Path, start: int = 0, stop: int | None = None, fps: Fraction | None = None
) -> Iterator[np.ndarray]:
    """The frames start..stop (exclusive) of a video, GIF or WebP, at a constant rate.

    Yields RGB uint8 (height, width, 3), upright. Frame i is the last picture that begins at
    i/fps, rounded to the nearest i: containers round times to milliseconds, and variable rates
    become constant by repeating and dropping. A repeated frame is the same array again: write
    to a copy. `fps` defaults to `MediaInfo.fps`. Ends early where the video does.

    Raises MediaError: unreadable-media, unsupported-type, not-a-face-file, size-changes.
    """
    for frame in _frames(path, start, stop, fps or _native_rate(path), _rgb()):
        yield frame()


def read_frames_at(
    path: str | Path, indices: Sequence[int], fps: Fraction | None = None
) -> Iterator[np.ndarray]:
    """The frames at any indices in any order, as `read_frames` would give them.

    Yields RGB uint8 (height, width, 3). Ascending runs are streamed. Descending runs are read
    forward in stretches of about 100 MB and given in reverse. Indices that turn or jump among fewer
    frames than that are decoded only once. `fps` defaults to `MediaInfo.fps`. Raises IndexError for
    an index past the end, and as `read_frames` does.
    """
    return _read_at(path, indices, fps, _rgb())


def read_planar_at(
    path: str | Path, indices: Sequence[int], fps: Fraction | None, colours: Colours
) -> Iterator[Planar]:
    """As `read_frames_at`, but planar, in `colours` (those of `stored_colours` keep most).

    Pictures stored in `colours` keep their planes; all others are converted from RGB.
    """
    kind = _Kind(partial(PlanarConverter, colours=colours), partial(Planar.of_rgb, colours=colours))
    return _read_at(path, indices, fps, kind)


def stored_colours(path: str | Path) -> Colours:
    """The colours in which planar frames of a video, GIF or WebP keep their stored planes.

    BT.709 where its pictures must be converted anyway. Raises MediaError as `read_frames` does.
    """
    if read_signature(Path(path)).reader == "pillow":
        return BT709
    with open_media(path) as container:
        stream = required_video_stream(container)
        first = next(decoded(stream, good_packets(container, stream)), None)
        if first is None or not Upright(stream).is_already(first):
            return BT709
        return colours_of(first, has_centred_colours(first)) or BT709


def _rgb() -> _Kind[np.ndarray]:
    return _Kind(Upright, np.asarray)


def _read_at(
    path: str | Path, indices: Sequence[int], fps: Fraction | None, kind: _Kind[Frame]
) -> Iterator[Frame]:
    fps = fps or _native_rate(path)
    runs = list(_runs(indices))
    if len(runs) > 1:
        distinct = sorted(set(indices))
        first = next(_read_forward(path, distinct[:1], fps, kind))
        if len(distinct) * first.nbytes <= _HELD_BYTES:
            ascending = chain.from_iterable(
                _read_forward(path, run, fps, kind) for run in _runs(distinct)
            )
            held = dict(zip(distinct, ascending, strict=True))
            yield from (held[index] for index in indices)
            return
    for run in runs:
        if run[0] <= run[-1]:
            yield from _read_forward(path, run, fps, kind)
        else:
            yield from _read_backward(path, run, fps, kind)


def _frames(
    path: str | Path, start: int, stop: int | None, fps: Fraction, kind: _Kind[Frame]
) -> Iterator[Callable[[], Frame]]:
    """How to get each of the frames: one that is decoded but not asked for costs no colours.

    To be asked for before the next one is.
    """
    wanted = max(Fraction(0), (start - Fraction(1, 2)) / fps)
    tick, current = start, None
    for time, picture in _pictures(path, wanted, kind):
        until = result_frames(time, fps) if picture is None else round_half_up(time * fps)
        while current and tick < until and (stop is None or tick < stop):
            yield current
            tick += 1
        if stop is not None and tick >= stop:
            return
        current = picture and cache(picture)


def _read_forward(
    path: str | Path, indices: Sequence[int], fps: Fraction, kind: _Kind[Frame]
) -> Iterator[Frame]:
    frames = enumerate(_frames(path, indices[0], indices[-1] + 1, fps, kind), start=indices[0])
    number, frame = -1, None
    for index in indices:
        while number < index:
            number, frame = next(frames, (index + 1, None))
        if frame is None or number != index:
            raise IndexError(f"Frame {index} lies past the end of the video.")
        yield frame()


def _read_backward(
    path: str | Path, indices: Sequence[int], fps: Fraction, kind: _Kind[Frame]
) -> Iterator[Frame]:
    last = next(_read_forward(path, indices[:1], fps, kind))
    stretch = max(1, _HELD_BYTES // last.nbytes)
    for begin in range(0, len(indices), stretch):
        ascending = indices[begin : begin + stretch][::-1]
        yield from list(_read_forward(path, ascending, fps, kind))[::-1]


def _runs(indices: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut into runs that never turn, nor leap so far that seeking beats reading on."""
    begin, direction = 0, 0
    for place in range(1, len(indices)):
        step = indices[place] - indices[place - 1]
        turns = step * direction < 0
        if turns or abs(step) > _WORTH_SEEKING:
            yield indices[begin:place]
            begin, direction = place, 0
        else:
            direction = direction or step
    if len(indices):
        yield indices[begin:]


def _native_rate(path: str | Path) -> Fraction:
    if read_signature(Path(path)).reader == "pillow":
        return working_rate(animation_rate(animation_times(path)))
    with open_media(path) as container:
        stream = required_video_stream(container)
        return working_rate(stream_rate(stream))


def _pictures(path: str | Path, since: Fraction, kind: _Kind[Frame]) -> Iterator[_Picture[Frame]]:
    """The pictures of a source, the first of them at or before `since` (seconds)."""
    if read_signature(Path(path)).reader == "pillow":
        times = animation_times(path)
        for time, image in read_animation(path, times):
            yield time, partial(kind.of_rgb, image)
        yield times[-1], None
        return
    for lead in _LEADS:
        if lead is not None and since <= lead:
            continue
        pictures = _decode(path, None if lead is None else since - lead, kind)
        first = next(pictures)
        if lead is None or (first[1] is not None and first[0] <= since):
            yield first
            yield from pictures
            return


def _decode(
    path: str | Path, seek_to: Fraction | None, kind: _Kind[Frame]
) -> Iterator[_Picture[Frame]]:
    with open_media(path) as container:
        stream = required_video_stream(container)
        origin, rate, made = stream_start(stream), stream_rate(stream), kind.of_stream(stream)
        if seek_to is not None and can_seek(stream):
            container.seek(int((origin + seek_to) / time_base(stream)), stream=stream)
        end, unshown = Fraction(0), deque[int]()

        def watched() -> Iterator[av.Packet]:
            nonlocal end
            for packet in good_packets(container, stream):
                end = max(end, (packet_end(packet, rate) or origin) - origin)
                unshown.append(packet.dts or 0)
                yield packet

        def timed() -> Iterator[tuple[Fraction, av.VideoFrame]]:
            for picture in decoded(stream, watched()):
                # Where only the order is known, the n-th picture shown takes the n-th place stored.
                place = unshown.popleft() if unshown else 0
                if picture.pts is not None and not has_order_only(stream):
                    place = picture.pts
                yield place * time_base(stream) - origin, picture

        time = None
        for time, picture in deinterlaced(timed()):
            yield time, partial(made, picture)
        if time is None and seek_to is None:
            raise unreadable("This video")
        yield end, None
