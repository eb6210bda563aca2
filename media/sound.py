"""Reading sound: decoded and resampled by FFmpeg's libraries, block by block.

Of several audio streams the one that `media.container.audio_stream` chooses is read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from media.container import (
    ByteRange,
    audio_stream,
    decoded,
    good_packets,
    open_media,
    stream_start,
    time_base,
    video_stream,
)
from media.errors import MediaError, no_audio_track, not_a_voice, unreadable
from media.riff import wav_parts
from media.signature import read_signature

SHORTEST_VOICE = Fraction(1, 5)
# -60 dB of full scale: below the noise of a quiet room in any recording meant to be heard.
_SILENCE = 0.001
# What is 240 dB beyond full scale is damage; recordings of 32-bit floats do exceed it, and some
# files count to 2**31 instead of 1.
_LARGEST_SAMPLE = 1e12
_MOST_PLANES = 8
# What files with so many channels that do not say which is which are downmixed as: FFmpeg takes
# the third of three, and the fourth of six or eight, for low effects, which a downmix leaves out.
_UNNAMED = {3: "3.0", 6: "6.0", 7: "7.0", 8: "octagonal"}
# A gap longer than this, in seconds, is noticed (ITU-R BT.1359); less is jitter of timestamps.
_GAP = 0.045


def read_sound(path: str | Path, rate: int = 16000) -> np.ndarray:
    """The whole sound as float32 mono (samples,) in -1..1, `rate` samples a second, read-only.

    Decoders of lossy sound may overshoot that range a little, files of floats by any factor.
    Samples that are not numbers are 0, and of several WAVs one after the other all are read.
    Raises MediaError: unreadable-media, unsupported-type, no-audio-track, not-a-voice.
    """
    # Both channels are averaged here: swresample's own mono is 3 dB louder and can clip.
    samples = array("f")  # grows in place: of a long sound there is never a second copy
    for block in sound_blocks(path, rate):
        samples.frombytes(block.mean(axis=0, dtype=np.float32).tobytes())
    return np.frombuffer(samples, np.float32)


def sound_duration(path: str | Path) -> Fraction:
    """The length of the sound track in seconds, to the sample: headers only estimate.

    Raises MediaError as `read_sound` does.
    """
    return sum((_length(frame) for frame, _ in _sound_frames(path)), Fraction(0))


def check_voice(path: str | Path) -> Fraction:
    """The length of a voice in seconds, as `sound_duration` of it; refuses what drives no mouth.

    Raises MediaError: voice-silent, voice-too-short (under 0.2 s, one mel window), and as
    `read_sound` does.
    """
    rate, samples, loudest, duration = 16000, 0, 0.0, Fraction(0)

    def measured() -> Iterator[_Decoded]:
        nonlocal duration
        for decoded_frame in _sound_frames(path):
            duration += _length(decoded_frame.frame)
            yield decoded_frame

    for block in _resampled(measured(), rate, downmix=False):
        samples += block.shape[1]
        loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
    if samples < SHORTEST_VOICE * rate:
        raise MediaError(
            "voice-too-short",
            f"The voice lasts only {samples / rate:.2f} seconds.",
            "Choose a recording of at least 0.2 seconds.",
        )
    if loudest < _SILENCE:
        raise MediaError(
            "voice-silent",
            "The voice is silent: there is nothing to hear in it.",
            "Choose another recording, or check that its microphone was on.",
        )
    return duration


def sound_channels(path: str | Path) -> int:
    """The number of channels that `sound_blocks` gives at first, 1 or 2. Raises as it does."""
    with _open_sound(path) as (_, track):
        return min(track.layout.nb_channels, 2)


def soundtrack_delay(path: str | Path) -> Fraction:
    """Seconds from the first picture of a video to the start of its sound; negative: before.

    0 without a picture or a sound. FFmpeg 5 writes the Opus pre-skip of a WebM twice: as the
    CodecDelay that readers subtract, and by delaying the picture as much. Sound and picture of such
    a file begin together. Raises MediaError: unreadable-media.
    """
    with open_media(path) as container:
        track, picture = audio_stream(container), video_stream(container)
        if track is None or picture is None:
            return Fraction(0)
        packets = good_packets(container, track)
        first = next(packets, None)
        if first is None:
            raise unreadable("The sound of this video")
        runs_in = min(0, first.pts or 0) * time_base(track)
        if container.format.name.startswith("matroska") and 0 < -runs_in == stream_start(picture):
            return Fraction(0)
        # Only the first decoded frame knows what the encoder's run-in left of the beginning.
        for frame in decoded(track, chain([first], packets)):
            return (frame.pts or 0) * time_base(track) - stream_start(picture)
    raise unreadable("The sound of this video")


def channel_blocks(path: str | Path, rate: int) -> Iterator[np.ndarray]:
    """The sound at `rate` samples a second, as float32 blocks (channels, samples), none mixed.

    Channels are as many as the file has, in its order, and may become more or fewer on the way.
    Raises MediaError as `read_sound` does.
    """
    return _resampled(_sound_frames(path), rate, downmix=False)


def sound_blocks(path: str | Path, rate: int, gaps: bool = False) -> Iterator[np.ndarray]:
    """The sound at `rate` samples a second, as float32 blocks (channels, samples) in -1..1.

    There are one or two channels; more are downmixed to two. Gaps of a recording, such as those of
    lost packets, are closed; with `gaps` they are filled with silence, in blocks of a second.
    Raises MediaError as `read_sound` does.
    """
    return _resampled(_sound_frames(path), rate, gaps)


@contextmanager
def keep_decoded(most_bytes: int = 64 * 1024**2) -> Iterator[None]:
    """Within the block a sound is decoded once, however often it is read.

    The decoded sounds take at most `most_bytes` together: three minutes of stereo. One that does
    not fit is decoded each time. Other threads do not share them.
    """
    token = _kept.set(_DecodedSounds(most_bytes))
    try:
        yield
    finally:
        _kept.reset(token)


class _Decoded(NamedTuple):
    """A frame of sound without its pts, and when it is heard, in seconds of the track's clock."""

    frame: av.AudioFrame
    time: float | None


class _DecodedSounds:
    """The frames of sounds that were decoded to their end, by file, as long as there is room."""

    def __init__(self, most_bytes: int) -> None:
        self._room = most_bytes
        self._sounds: dict[tuple[int, ...], list[_Decoded]] = {}

    def frames(self, path: str | Path) -> Iterator[_Decoded]:
        status = Path(path).stat()
        key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        if key in self._sounds:
            yield from self._sounds[key]
            return
        frames: list[_Decoded] = []
        size = 0
        for each in _decoded_sound(path):
            frame = each.frame
            size += frame.samples * frame.layout.nb_channels * frame.format.bytes
            if size <= self._room:
                frames.append(each)
            else:
                frames.clear()
            yield each
        if size <= self._room and key not in self._sounds:
            self._sounds[key] = frames
            self._room -= size


_kept: ContextVar[_DecodedSounds | None] = ContextVar("kept", default=None)


def _resampled(
    sound: Iterator[_Decoded], rate: int, gaps: bool = False, downmix: bool = True
) -> Iterator[np.ndarray]:
    """See `sound_blocks`; without `downmix` see `channel_blocks`."""
    played: float | None = None  # up to when, in seconds of the track's clock
    # Some files change their sampling on the way: each stretch has a resampler of its own.
    for (_, channels, layout, _), stretch in groupby(sound, lambda each: _sampling(each.frame)):
        named = _UNNAMED.get(channels, "") if downmix and _is_unnamed(layout) else ""
        if downmix:
            layout = "mono" if channels == 1 else "stereo"
        resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
        for frame, time in stretch:
            if named:
                frame = _with_layout(frame, named)
            if played is None:
                played = time
            elif gaps and (missing := (time or 0) - played) > _GAP:
                yield from silence(round(missing * rate), rate)
                played += missing
            if played is not None:
                played += frame.samples / frame.sample_rate
            for block in resampler.resample(frame):
                yield _channels(block)
        for block in resampler.resample(None):
            yield _channels(block)


def _channels(frame: av.AudioFrame) -> np.ndarray:
    """The samples of an interleaved frame as (channels, samples)."""
    return np.ascontiguousarray(frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T)


def silence(samples: int, most: int) -> Iterator[np.ndarray]:
    """`samples` samples of silence as float32 blocks (1, at `most`); none for a negative number."""
    for at in range(0, samples, most):
        yield np.zeros((1, min(most, samples - at)), np.float32)


def _is_unnamed(layout: str) -> bool:
    """Whether a layout only says how many channels there are."""
    return layout.endswith(" channels")


def _with_layout(frame: av.AudioFrame, layout: str) -> av.AudioFrame:
    """The frame with names for its channels."""
    data, format = _samples_of(frame)
    return _with_samples(frame, data, format, layout)


def _sampling(frame: av.AudioFrame) -> tuple[int, int, str, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.layout.name, frame.format.name


def _length(frame: av.AudioFrame) -> Fraction:
    return Fraction(frame.samples, frame.sample_rate)


def _sound_frames(path: str | Path) -> Iterator[_Decoded]:
    kept = _kept.get()
    return _decoded_sound(path) if kept is None else kept.frames(path)


def _decoded_sound(path: str | Path) -> Iterator[_Decoded]:
    empty = True
    for part in wav_parts(path):
        with _open_sound(path, part) as (container, track):
            tells_padding = container.format.name.startswith("mov")
            for frame in decoded(track, _sound_packets(container, track)):
                empty = False
                whole = _without_padding(frame, time_base(track)) if tells_padding else frame
                whole = _without_damage(whole)
                time = whole.time
                whole.pts = None  # times are kept here: the resampler fills no gaps
                yield _Decoded(whole, time)
    if empty:
        raise unreadable("The sound of this file")


def _sound_packets(
    container: av.container.InputContainer, track: av.AudioStream
) -> Iterator[av.Packet]:
    """The packets to decode. Of plain samples, those that the end of a file cuts short as well.

    A WAV that is written to a pipe claims to be larger than it is: its last packet seems cut.
    """
    if not track.codec_context.name.startswith(("pcm_", "adpcm_")):
        return good_packets(container, track)
    return good_packets(container, track, cut_short=True)


def _without_padding(frame: av.AudioFrame, tick: Fraction) -> av.AudioFrame:
    """A frame without the encoder's padding, which MP4 marks by a shorter duration."""
    samples = round(frame.duration * tick * frame.sample_rate)
    if not 0 < samples < frame.samples:
        return frame
    data, format = _samples_of(frame)
    width = 1 if format.is_planar else frame.layout.nb_channels
    return _with_samples(frame, data[:, : samples * width], format)


def _without_damage(frame: av.AudioFrame) -> av.AudioFrame:
    """A frame with 0 for samples that are not numbers: one would spoil all near it."""
    if not frame.format.name.startswith(("flt", "dbl")):
        return frame
    data, format = _samples_of(frame)
    good = np.abs(data) <= _LARGEST_SAMPLE
    return frame if good.all() else _with_samples(frame, np.where(good, data, 0), format)


def _samples_of(frame: av.AudioFrame) -> tuple[np.ndarray, av.AudioFormat]:
    """The samples of a frame, and their format: a row for each channel, or all in one, interleaved.

    PyAV reads past the end of the planes of a frame that has eight or more.
    """
    if frame.format.is_planar and frame.layout.nb_channels >= _MOST_PLANES:
        packed = av.AudioResampler(frame.format.packed, frame.layout, frame.sample_rate)
        (frame,) = packed.resample(frame)
    return frame.to_ndarray(), frame.format


def _with_samples(
    frame: av.AudioFrame, samples: np.ndarray, format: av.AudioFormat, layout: str = ""
) -> av.AudioFrame:
    """A frame of the same time with other samples, as `_samples_of` gives them.

    It has the same channels unless a `layout` names them.
    """
    data: Any = np.ascontiguousarray(samples)
    other = av.AudioFrame.from_ndarray(data, format.name, layout or frame.layout.name)
    other.sample_rate, other.pts, other.time_base = frame.sample_rate, frame.pts, frame.time_base
    return other


@contextmanager
def _open_sound(
    path: str | Path, part: ByteRange | None = None
) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    if read_signature(Path(path)).reader == "pillow":
        raise not_a_voice()
    with open_media(path, part) as container:
        track = audio_stream(container)
        if track is None:
            raise no_audio_track()
        yield container, track
