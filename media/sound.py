"""Reading sound: decoded and resampled by FFmpeg's libraries, block by block.

Of several audio streams the one that `media.container.audio_stream` chooses is read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.container import (
    audio_stream,
    decoded,
    good_packets,
    open_media,
    stream_start,
    time_base,
    video_stream,
)
from media.errors import MediaError, no_audio_track, not_a_voice, unreadable
from media.signature import read_signature

SHORTEST_VOICE = Fraction(1, 5)
# -60 dB of full scale: below the noise of a quiet room in any recording meant to be heard.
_SILENCE = 0.001
# A gap longer than this, in seconds, is noticed (ITU-R BT.1359); less is jitter of timestamps.
_GAP = 0.045


def read_sound(path: str | Path, rate: int = 16000) -> np.ndarray:
    """The whole sound as float32 mono (samples,) in -1..1, `rate` samples a second, read-only.

    Decoders of lossy sound may overshoot that range a little.
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
    return sum(
        (Fraction(frame.samples, frame.sample_rate) for frame in _sound_frames(path)), Fraction(0)
    )


def check_voice(path: str | Path) -> Fraction:
    """The length of a voice in seconds, as `sound_duration` of it; refuses what drives no mouth.

    Raises MediaError: voice-silent, voice-too-short (under 0.2 s, one mel window), and as
    `read_sound` does.
    """
    rate, samples, loudest, duration = 16000, 0, 0.0, Fraction(0)

    def timed() -> Iterator[av.AudioFrame]:
        nonlocal duration
        for frame in _sound_frames(path):
            duration += Fraction(frame.samples, frame.sample_rate)
            yield frame

    for block in _resampled(timed(), rate):
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


def sound_blocks(path: str | Path, rate: int, gaps: bool = False) -> Iterator[np.ndarray]:
    """The sound at `rate` samples a second, as float32 blocks (channels, samples) in -1..1.

    There are one or two channels; more are downmixed to two. Gaps of a recording, such as those of
    lost packets, are closed; with `gaps` they are filled with silence, in blocks of a second.
    Raises MediaError as `read_sound` does.
    """
    return _resampled(_sound_frames(path), rate, gaps)


def _resampled(
    decoded_frames: Iterator[av.AudioFrame], rate: int, gaps: bool = False
) -> Iterator[np.ndarray]:
    """See `sound_blocks`."""
    played: float | None = None  # up to when, in seconds of the track's clock
    # Some files change their sampling on the way: each stretch has a resampler of its own.
    for (_, channels, _), frames in groupby(decoded_frames, _sampling):
        layout = "mono" if channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for frame in chain(frames, [None]):
            if frame is not None:
                if played is None:
                    played = frame.time
                elif gaps and (missing := (frame.time or 0) - played) > _GAP:
                    yield from silence(round(missing * rate), rate)
                    played += missing
                if played is not None:
                    played += frame.samples / frame.sample_rate
                frame.pts = None  # times are kept here: the resampler fills no gaps
            for block in resampler.resample(frame):
                yield block.to_ndarray()


def silence(samples: int, most: int) -> Iterator[np.ndarray]:
    """`samples` samples of silence as float32 blocks (1, at `most`); none for a negative number."""
    for at in range(0, samples, most):
        yield np.zeros((1, min(most, samples - at)), np.float32)


def _sampling(frame: av.AudioFrame) -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.format.name


def _sound_frames(path: str | Path) -> Iterator[av.AudioFrame]:
    with _open_sound(path) as (container, track):
        empty, tells_padding = True, container.format.name.startswith("mov")
        for frame in decoded(track, good_packets(container, track)):
            empty = False
            yield _without_padding(frame, time_base(track)) if tells_padding else frame
        if empty:
            raise unreadable("The sound of this file")


def _without_padding(frame: av.AudioFrame, tick: Fraction) -> av.AudioFrame:
    """A frame without the encoder's padding, which MP4 marks by a shorter duration."""
    samples = round(frame.duration * tick * frame.sample_rate)
    if not 0 < samples < frame.samples:
        return frame
    width = 1 if frame.format.is_planar else frame.layout.nb_channels
    data: Any = np.ascontiguousarray(frame.to_ndarray()[:, : samples * width])
    cut = av.AudioFrame.from_ndarray(data, frame.format.name, frame.layout.name)
    cut.sample_rate, cut.pts, cut.time_base = frame.sample_rate, frame.pts, frame.time_base
    return cut


@contextmanager
def _open_sound(path: str | Path) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    if read_signature(Path(path)).reader == "pillow":
        raise not_a_voice()
    with open_media(path) as container:
        track = audio_stream(container)
        if track is None:
            raise no_audio_track()
        yield container, track
