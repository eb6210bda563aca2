"""Deinterlacing: whole pictures from interlaced video, whose pictures hold two fields in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av

from media.filters import graph

Timed = tuple[Fraction, av.VideoFrame]


def deinterlaced(pictures: Iterable[Timed]) -> Iterator[Timed]:
    """The pictures at their times in seconds, interlaced ones rebuilt from their first field.

    The missing lines are interpolated by libavfilter's bwdif, which reads the pictures before and
    after; so from the first interlaced picture on the output lags by one picture. Progressive video
    passes untouched.
    """
    before: av.VideoFrame | None = None
    weaver: _Weaver | None = None
    for time, picture in pictures:
        if weaver and not weaver.fits(picture):
            yield from weaver.finish()
            weaver = before = None
        if weaver is None and picture.interlaced_frame:
            weaver = _Weaver(picture, before)
        if weaver is None:
            before = picture
            yield time, picture
        else:
            yield from weaver.weave(time, picture)
    if weaver:
        yield from weaver.finish()


class _Weaver:
    """One filter graph, for pictures of one size and format."""

    def __init__(self, like: av.VideoFrame, before: av.VideoFrame | None) -> None:
        self._likeness = _likeness(like)
        self._graph = graph(like, "bwdif", mode="send_frame", parity="auto", deint="interlaced")
        self._times = deque[Fraction | None]()
        if before is not None and self.fits(before):
            # It was given out already; the filter only needs it as its past.
            self._push(None, before)

    def fits(self, picture: av.VideoFrame) -> bool:
        return _likeness(picture) == self._likeness

    def weave(self, time: Fraction, picture: av.VideoFrame) -> Iterator[Timed]:
        self._push(time, picture)
        return self._ready()

    def finish(self) -> Iterator[Timed]:
        self._graph.vpush(None)
        return self._ready()

    def _push(self, time: Fraction | None, picture: av.VideoFrame) -> None:
        self._times.append(time)
        self._graph.vpush(picture)

    def _ready(self) -> Iterator[Timed]:
        while True:
            try:
                picture = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            time = self._times.popleft()
            if time is not None:
                yield time, picture


def _likeness(picture: av.VideoFrame) -> tuple[int, int, str]:
    return picture.width, picture.height, picture.format.name
