"""Odd voices: sampling rates, depths, layouts, codecs and containers; levels; damage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from benchmarks.odd_kind import Kind, OddInput, require
from media.probe import probe
from media.sample import VOICE
from media.sound import check_voice, read_sound

RATE = 16_000
# Extension, codec, and the sampling rates that the codec takes, in hertz.
_ANY_RATE = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000, 192000)
_FORMATS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    *(("wav", f"pcm_{depth}", _ANY_RATE) for depth in ("u8", "s16le", "s24le", "s32le", "f32le")),
    ("wav", "pcm_f64le", _ANY_RATE),
    ("wav", "pcm_mulaw", (8000, 16000)),
    ("wav", "adpcm_ima_wav", (8000, 16000, 22050, 44100)),
    ("flac", "flac", _ANY_RATE),
    ("mp3", "libmp3lame", (16000, 22050, 24000, 32000, 44100, 48000)),
    ("m4a", "aac", (16000, 22050, 24000, 32000, 44100, 48000)),
    ("m4a", "alac", _ANY_RATE),
    ("aac", "aac", (16000, 24000, 44100, 48000)),
    ("opus", "libopus", (16000, 24000, 48000)),
    ("ogg", "libopus", (16000, 24000, 48000)),
    ("mkv", "pcm_s16le", _ANY_RATE),
    ("mov", "pcm_s24be", _ANY_RATE),
)
# The loudness of what was said and of what is heard, in steps of so many seconds, correlates so.
_STEP, _LEAST_CORRELATION = 0.02, 0.95
_TOLERANCE = 0.06  # seconds, a frame of most codecs
# The same for codecs whose files do not say what their encoders put before and after the sound.
_TOLERANCES = {"aac": 0.2, "adpcm_ima_wav": 0.26}


@dataclass(frozen=True)
class Said:
    """A voice: its samples, (n,) float32 at 16 kHz, and by how many seconds it may be off."""

    samples: np.ndarray
    tolerance: float = _TOLERANCE


@cache
def sample() -> np.ndarray:
    """The sample voice, (n,) float32 mono at 16 kHz."""
    return read_sound(VOICE, RATE)


def excerpt(rng: np.random.Generator) -> np.ndarray:
    """1.5 to 5 seconds of the sample voice, from its beginning: (n,) float32 at 16 kHz."""
    return sample()[: round(rng.uniform(1.5, 5) * RATE)]


def write(path: Path, samples: np.ndarray, codec: str, rate: int, layout: str = "mono") -> Path:
    """Encode `samples` (channels, n), float32 at 16 kHz, at another rate."""
    data: Any = np.ascontiguousarray(samples, np.float32)
    with av.open(str(path), "w") as output:
        stream = cast(av.AudioStream, output.add_stream(codec, rate=rate, layout=layout))
        resampler = av.AudioResampler(stream.format, layout, rate)
        frame = av.AudioFrame.from_ndarray(data, "fltp", layout)
        frame.sample_rate, frame.pts = RATE, 0
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path


def require_heard(path: Path, said: Said) -> np.ndarray:
    """Require that a file is taken as a voice that says this, and return what is read of it.

    It may be longer, shorter, earlier or later by the tolerance.
    """
    info = probe(path)
    require(info.kind == "audio" and info.has_audio, f"taken for {info}")
    seconds = len(said.samples) / RATE
    lengths = [float(info.duration or 0), float(check_voice(path))]
    heard = read_sound(path, RATE)
    for length in (*lengths, len(heard) / RATE):
        require(
            abs(length - seconds) <= said.tolerance, f"lasts {length:.3f} s, not {seconds:.3f} s"
        )
    require(bool(np.isfinite(heard).all()), "samples that are not numbers")
    found = _correlation(heard, said.samples, said.tolerance)
    require(found >= _LEAST_CORRELATION, f"the loudness correlates only {found:.3f}")
    return heard


def _correlation(heard: np.ndarray, said: np.ndarray, shift: float) -> float:
    """The best correlation of the loudness of two sounds, one moved by up to `shift` seconds."""
    one, other = _loudness(heard), _loudness(said)
    most = round(shift / _STEP)
    return max(_correlated(one[max(lag, 0) :], other[max(-lag, 0) :]) for lag in range(-most, most))


def _correlated(one: np.ndarray, other: np.ndarray) -> float:
    steps = min(len(one), len(other))
    return float(np.corrcoef(np.stack((one[:steps], other[:steps])))[0, 1])


def _loudness(sound: np.ndarray) -> np.ndarray:
    """The root mean square of each step of a sound."""
    size = round(_STEP * RATE)
    steps = len(sound) // size
    return np.sqrt(np.square(sound[: steps * size].reshape(steps, size)).mean(1))


def _formatted(rng: np.random.Generator, folder: Path) -> OddInput[Said]:
    extension, codec, rates = _FORMATS[int(rng.integers(len(_FORMATS)))]
    rate = int(rng.choice(rates))
    layout = str(rng.choice(("mono", "stereo")))
    said = excerpt(rng)
    channels = np.repeat(said[None], 2 if layout == "stereo" else 1, axis=0)
    path = write(folder / f"voice.{extension}", channels, codec, rate, layout)
    truth = Said(said, _TOLERANCES.get(codec, _TOLERANCE))
    return OddInput(path, f"{extension}, {codec}, {rate} Hz, {layout}", truth)


def _check_formatted(made: OddInput[Said]) -> None:
    require_heard(made.path, made.truth)


KINDS: tuple[Kind[Any], ...] = (Kind("sound-format", _formatted, _check_formatted),)
