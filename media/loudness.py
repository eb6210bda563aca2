"""The loudness of a sound after EBU R128 (ITU-R BS.1770), by FFmpeg's meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from math import log10
from typing import Any

import av
import numpy as np
from av.filter import Graph

# A gating block of BS.1770, in seconds: less has no loudness of its own.
_GATING_BLOCK = Fraction(2, 5)
# What is quieter, in LUFS, is not counted.
_ABSOLUTE_GATE = -70.0


def integrated_loudness(begin: Callable[[], Iterable[np.ndarray]], rate: int) -> float | None:
    """The gated loudness, in LUFS, of a sound at `rate` hertz; None for one that is silent.

    `begin` starts its float32 blocks (channels, samples), all of one channel or all of two; it is
    called twice. The sound is measured with its peak at full scale, because the meter knows -70 to
    10 LUFS only, and samples of floats may be anywhere. What is shorter than the 0.4 s of a gating
    block is measured as if it were said again and again.
    """
    peak = max((float(np.abs(block).max(initial=0)) for block in begin()), default=0.0)
    if peak == 0:
        return None
    least = round(_GATING_BLOCK * rate)
    blocks = (block / np.float32(peak) for block in begin())
    first = next(blocks)
    held, meter = [first], _Meter(rate, len(first))
    meter.hear(first)
    for block in blocks:
        if sum(part.shape[1] for part in held) < least:
            held.append(block)
        meter.hear(block)
    heard = np.concatenate(held, axis=1)
    if heard.shape[1] < least:
        meter = _Meter(rate, len(first))
        meter.hear(np.tile(heard, 1 + -(-least // heard.shape[1])))
    loudness = meter.integrated()
    return None if loudness is None else loudness + 20 * log10(peak)


class _Meter:
    """FFmpeg's filter `ebur128`, which tells the loudness of all that it has heard."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._layout = rate, "mono" if channels == 1 else "stereo"
        self._heard, self._loudness = 0, _ABSOLUTE_GATE
        self._graph = Graph()
        source = self._graph.add_abuffer(
            format="fltp",
            sample_rate=rate,
            layout=self._layout,
            time_base=Fraction(1, rate),
        )
        meter, sink = self._graph.add("ebur128", "metadata=1"), self._graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        self._graph.configure()

    def hear(self, block: np.ndarray) -> None:
        """Measure a block (channels, samples) as well."""
        if not block.shape[1]:
            return
        data: Any = np.ascontiguousarray(block, np.float32)
        frame = av.AudioFrame.from_ndarray(data, "fltp", self._layout)
        frame.sample_rate, frame.pts = self._rate, self._heard
        self._heard += frame.samples
        self._graph.push(frame)
        self._read()

    def integrated(self) -> float | None:
        """The loudness of all blocks in LUFS; nothing can be heard after this."""
        self._graph.push(None)
        self._read()
        return self._loudness if self._loudness > _ABSOLUTE_GATE else None

    def _read(self) -> None:
        for measured in self._pulled():
            # A last piece shorter than a tenth of a second carries nothing.
            if text := measured.metadata.get("lavfi.r128.I"):
                self._loudness = float(text)

    def _pulled(self) -> Iterator[Any]:
        with suppress(av.BlockingIOError, av.EOFError):  # it wants more, or there is no more
            while True:
                yield self._graph.pull()
