"""Joining rendered segments and their sound into the finished file."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import cast

import av

from media.atomic import replacing
from media.container import good_packets, open_media, time_base, video_stream
from media.encoding import MP4, Encoding
from media.errors import unreadable
from media.mixing import RATE, stereo_blocks
from media.sound import sound_channels
from media.timeline import round_half_up

SYNTHETIC_MARK = "AI-generated lip movement, made with Mouth Animation"
# Of mono and stereo: at these a voice keeps the same 41 to 46 dB above what the coder adds.
_SOUND_BITS_PER_SECOND = {1: 128_000, 2: 192_000}
_LAYOUTS = {1: "mono", 2: "stereo"}
_Timed = tuple[float, av.Packet]


def concatenate(
    segment_paths: Sequence[str | Path],
    sound_path: str | Path | None,
    out_path: str | Path,
    fps: Fraction,
    frames: int,
    metadata: Mapping[str, str] | None = None,
    encoding: Encoding = MP4,
) -> None:
    """Join segments written by `VideoWriter` with the same arguments; the video is copied.

    The sound becomes AAC (or what the `encoding` has), mono or stereo as it is, cut or filled with
    silence to exactly frames / fps seconds. The file starts with its index (it plays while it
    loads) and its comment marks it as synthetic, unless `metadata` brings one of its own. Nothing
    lies under `out_path` until all is written.

    Raises MediaError: unreadable-media for a broken segment or sound. Raises ValueError when
    the segments do not hold `frames` frames in all, or were not written alike.
    """
    options = {"movflags": "+faststart"} if encoding.container in ("mp4", "mov") else {}
    with (
        replacing(out_path) as unfinished,
        av.open(str(unfinished), "w", format=encoding.container, options=options) as output,
    ):
        output.metadata.update({"comment": SYNTHETIC_MARK, **(metadata or {})})
        with open_media(segment_paths[0]) as first:
            video = output.add_stream_from_template(_segment_stream(first))
        streams = [_video_packets(segment_paths, video, Fraction(fps), frames)]
        if sound_path is not None and encoding.sound is not None:
            channels = sound_channels(sound_path)
            added = output.add_stream(encoding.sound, rate=RATE, layout=_LAYOUTS[channels])
            sound = cast("av.AudioStream", added)
            sound.bit_rate = _SOUND_BITS_PER_SECOND[channels]
            samples = round_half_up(frames / Fraction(fps) * RATE)
            streams.append(_sound_packets(sound_path, sound, samples))
        for _, packet in heapq.merge(*streams, key=lambda timed: timed[0]):
            output.mux(packet)


def _video_packets(
    paths: Sequence[str | Path], video: av.VideoStream, fps: Fraction, frames: int
) -> Iterator[_Timed]:
    """The packets of all segments on one clock that ticks once a frame, in decoding order."""
    done = 0
    for path in paths:
        count = 0
        with open_media(path) as container:
            stream = _segment_stream(container)
            if stream.codec_context.extradata != video.codec_context.extradata:
                raise ValueError(f"{path} was written with other settings than the first segment.")
            ticks = fps * time_base(stream)
            for packet in good_packets(container, stream):
                packet.pts = done + round((packet.pts or 0) * ticks)
                packet.dts = done + round((packet.dts or 0) * ticks)
                packet.duration, packet.time_base = 1, 1 / fps
                packet.stream = video
                yield float(packet.dts / fps), packet
                count += 1
        done += count
    if done != frames:
        raise ValueError(f"The segments hold {done} frames, not {frames}.")


def _sound_packets(path: str | Path, sound: av.AudioStream, samples: int) -> Iterator[_Timed]:
    channels = sound.layout.nb_channels
    for frame in chain(_sound_frames(path, samples, channels), [None]):
        for packet in sound.encode(frame):
            yield (packet.dts or 0) / RATE, packet


def _sound_frames(path: str | Path, samples: int, channels: int) -> Iterator[av.AudioFrame]:
    written, layout = 0, _LAYOUTS[channels]
    for block in stereo_blocks(path, samples):
        planes = block.T[:channels].copy()
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), written
        written += len(block)
        yield frame


def _segment_stream(container: av.container.InputContainer) -> av.VideoStream:
    stream = video_stream(container)
    if stream is None:
        raise unreadable("A rendered segment")
    return stream
