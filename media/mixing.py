"""Mixing: voices over each other and over the soundtrack of the source."""

from __future__ import annotations

import warnings
import wave
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial, reduce
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile

import numpy as np

from media.atomic import replacing
from media.loudness import integrated_loudness
from media.sound import silence, sound_blocks, sound_channels, soundtrack_delay
from media.timeline import round_half_up

with warnings.catch_warnings():
    # pydub warns that it finds no ffmpeg program; it gets decoded samples here and needs none.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

RATE = 48000
SOUNDTRACK_GAIN = -6.0
_BLOCK = RATE
_MIXED_SAMPLE = 8  # bytes of a sample of both channels as float32
_SPOOL = 32 * 1024**2  # bytes of a mix that are held in memory: a minute and a half
_FULL_SCALE = 2**31 - 1
_MOST_RAISED = 40.0  # decibels

Voice = tuple[str | Path, Fraction | float, float]
# A function that starts the blocks of a sound, and its gain in decibels.
_Track = tuple[Callable[[], Iterator[np.ndarray]], float]


def mix(
    voices: Sequence[Voice],
    soundtrack: str | Path | None,
    duration: Fraction,
    out_path: str | Path,
    soundtrack_gain: float = SOUNDTRACK_GAIN,
    level_voices: bool = True,
) -> None:
    """Write one WAV, 16 bit, 48 kHz, exactly `duration` seconds long to the sample.

    Each voice is (path, start in seconds, gain in decibels). With `level_voices` several voices are
    first brought to the loudness of the loudest of them (EBU R128); gains are on top. The
    soundtrack of the source, when given, is mixed under the voices with `soundtrack_gain` decibels,
    in sync with the picture as in the source, also after a gap. Where the sum would clip, the whole
    is normalised to full scale. The file is mono where all inputs are, else stereo: many players
    attenuate mono by 3 dB, so that it stays as loud as its inputs. Raises MediaError as
    `media.sound.read_sound` does.
    """
    total = round_half_up(duration * RATE)
    levels = _levelling_gains([path for path, _, _ in voices]) if level_voices else {}
    tracks: list[_Track] = [
        (partial(stereo_blocks, path, total, start), gain + levels.get(path, 0.0))
        for path, start, gain in voices
    ]
    if soundtrack is not None:
        delay = soundtrack_delay(soundtrack)
        timed = partial(stereo_blocks, soundtrack, total, delay, gaps=True)
        tracks.append((timed, soundtrack_gain))
    given = [path for path, _, _ in voices] + ([] if soundtrack is None else [soundtrack])
    peak, channels = 0.0, max([1, *map(sound_channels, given)])
    # The peak is known at the end: until then the mix is spooled, to the disk if it is long.
    with SpooledTemporaryFile(_SPOOL, dir=str(Path(out_path).parent)) as spool:
        for block in _mixed(tracks):
            peak = max(peak, float(np.abs(block).max()))
            if channels == 1 and (block[:, 0] != block[:, 1]).any():
                channels = 2  # some sounds become stereo on the way
            spool.write(block.tobytes())
        spool.seek(0)
        scale = 32767 / max(1.0, peak)
        with replacing(out_path) as unfinished, wave.open(str(unfinished), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(RATE)
            while mixed := spool.read(_BLOCK * _MIXED_SAMPLE):
                block = np.frombuffer(mixed, np.float32).reshape(-1, 2)
                file.writeframes(np.rint(block[:, :channels] * scale).astype("<i2").tobytes())


def _levelling_gains(paths: Sequence[str | Path]) -> dict[str | Path, float]:
    """The decibels by which each of several sounds must be raised to be as loud as the loudest.

    They are at most 40: what is quieter still is noise, and would come out as such. A single sound,
    and one that is silent, keeps its level.
    """
    if len(set(paths)) < 2:
        return {}
    measured = {path: _loudness(path) for path in set(paths)}
    known = {path: loudness for path, loudness in measured.items() if loudness is not None}
    loudest = max(known.values(), default=0.0)
    return {path: min(loudest - loudness, _MOST_RAISED) for path, loudness in known.items()}


def _loudness(path: str | Path) -> float | None:
    """The loudness of a sound as it is played: mono comes out of both loudspeakers."""

    def played() -> Iterator[np.ndarray]:
        for block in sound_blocks(path, RATE):
            yield np.broadcast_to(block, (2, block.shape[1]))

    return integrated_loudness(played, RATE)


def stereo_blocks(
    path: str | Path, total: int, start: Fraction | float = 0, gaps: bool = False
) -> Iterator[np.ndarray]:
    """A sound as float32 blocks (samples, 2) in -1..1 at 48 kHz, `total` samples in all.

    It is delayed by `start` seconds of silence, or cut where that is negative, and padded with
    silence at the end; `gaps` is that of `media.sound.sound_blocks`. Every block except the last is
    one second long. Raises MediaError as `media.sound.read_sound` does.
    """
    offset = round_half_up(Fraction(start) * RATE)
    waiting = np.zeros((0, 2), np.float32)
    skip = max(0, -offset)
    given = 0
    for block in chain(silence(offset, _BLOCK), sound_blocks(path, RATE, gaps)):
        stereo = np.broadcast_to(block, (2, block.shape[1])).T[skip:]
        skip = max(0, skip - block.shape[1])
        waiting = np.concatenate([waiting, stereo])
        while len(waiting) >= _BLOCK and given + _BLOCK <= total:
            yield waiting[:_BLOCK]
            waiting, given = waiting[_BLOCK:], given + _BLOCK
        if given + len(waiting) >= total:
            break
    while given < total:
        size = min(_BLOCK, total - given)
        block, waiting = waiting[:size], waiting[size:]
        yield np.pad(block, ((0, size - len(block)), (0, 0)))
        given += size


def _mixed(tracks: Sequence[_Track]) -> Iterator[np.ndarray]:
    """The sum of the tracks, each with its gain, as float32 blocks (samples, 2) of any range.

    pydub adds integers and clips what overflows: each block of the tracks is scaled so that its sum
    just fits into 32 bits, however far beyond full scale the samples of a file may be.
    """
    factors = [10 ** (gain / 20) for _, gain in tracks]
    for blocks in zip(*(begin() for begin, _ in tracks), strict=True):
        gained = [
            block.astype(np.float64) * factor for block, factor in zip(blocks, factors, strict=True)
        ]
        scale = max(1.0, sum(float(np.abs(block).max()) for block in gained))
        segments = [_segment(block / scale) for block in gained]
        mixed = reduce(lambda under, over: under.overlay(over), segments).raw_data
        sums = np.frombuffer(mixed, "<i4").reshape(-1, 2) * (scale / _FULL_SCALE)
        yield sums.astype(np.float32)


def _segment(samples: np.ndarray) -> AudioSegment:
    """Samples (n, 2) within -1..1."""
    data = np.rint(samples * _FULL_SCALE).astype("<i4").tobytes()
    return AudioSegment(data, sample_width=4, frame_rate=RATE, channels=2)
