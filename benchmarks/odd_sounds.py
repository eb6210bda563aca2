"""Odd files of sound: rates, depths, layouts, codecs and containers; joined, cut short, damaged."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from benchmarks.odd_kind import Kind, OddInput, require, require_refusal
from media.mixing import mix
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
    ("aiff", "pcm_s16be", _ANY_RATE),
    ("aiff", "pcm_s24be", _ANY_RATE),
    ("caf", "pcm_s16le", _ANY_RATE),
    ("caf", "pcm_f32be", _ANY_RATE),
    ("au", "pcm_s16be", _ANY_RATE),
    ("w64", "pcm_s24le", _ANY_RATE),
    ("wma", "wmav2", (22050, 32000, 44100, 48000)),
    ("ac3", "ac3", (32000, 44100, 48000)),
    ("eac3", "eac3", (32000, 44100, 48000)),
)
_LAYOUTS = ("mono", "stereo", "quad", "5.1", "7.1")
# Codecs that take any layout; all others here take mono and stereo.
_ANY_LAYOUT = ("pcm_s32le", "pcm_s24le", "pcm_f32le", "flac", "libopus")
_BIT_RATES = {"wmav2": 128_000}
# The first bytes of kinds that are refused.
_REFUSED = (b"MThd\0\0\0\6", b"MAC \x96\x0f", b"wvpk\xc4%", b"DSD \x1c\0", b".RMF\0\0", b"#!SILK\3")
_PHONE = ("amr", "libopencore_amrnb", 8000)
# The loudness of what was said and of what is heard, in steps of so many seconds, correlates so.
_STEP, _LEAST_CORRELATION = 0.02, 0.95
_TOLERANCE = 0.06  # seconds, a frame of most codecs
# The same for codecs whose files do not say what their encoders put before and after the sound.
_TOLERANCES = {"aac": 0.2, "adpcm_ima_wav": 0.26, "wmav2": 0.2, "ac3": 0.1, "eac3": 0.1}


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
    data: Any = np.ascontiguousarray(samples.T.reshape(1, -1), np.float32)
    with av.open(str(path), "w") as output:
        stream = cast(av.AudioStream, output.add_stream(codec, rate=rate, layout=layout))
        if bit_rate := _BIT_RATES.get(codec):
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(stream.format, layout, rate)
        frame = av.AudioFrame.from_ndarray(data, "flt", layout)
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
    found = correlation(heard, said.samples, said.tolerance)
    require(found >= _LEAST_CORRELATION, f"the loudness correlates only {found:.3f}")
    return heard


def correlation(heard: np.ndarray, said: np.ndarray, shift: float) -> float:
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
    layout = str(rng.choice(_LAYOUTS if codec in _ANY_LAYOUT else _LAYOUTS[:2]))
    said = excerpt(rng)
    channels = np.repeat(said[None], av.AudioLayout(layout).nb_channels, axis=0)
    path = write(folder / f"voice.{extension}", channels, codec, rate, layout)
    truth = Said(said, _TOLERANCES.get(codec, _TOLERANCE))
    return OddInput(path, f"{extension}, {codec}, {rate} Hz, {layout}", truth)


def _from_a_phone(rng: np.random.Generator, folder: Path) -> OddInput[Said]:
    extension, codec, rate = _PHONE
    said = excerpt(rng)
    path = write(folder / f"voice.{extension}", said[None], codec, rate)
    return OddInput(path, extension, Said(said))


def _streamed(rng: np.random.Generator, folder: Path) -> OddInput[Said]:
    """A WAV that was written to a pipe, or several in one file."""
    said, times = excerpt(rng), int(rng.integers(1, 4))
    codec = str(rng.choice(("pcm_s16le", "pcm_f32le", "pcm_s24le")))
    path = write(folder / "voice.wav", said[None], codec, RATE)
    data, size = path.read_bytes(), rng.choice((None, 0, 0xFFFFFFFF))
    if size is not None:
        claimed, at = int(size).to_bytes(4, "little"), data.index(b"data") + 4
        data = data[:4] + claimed + data[8:at] + claimed + data[at + 4 :]
    path.write_bytes(data * times)
    return OddInput(path, f"{codec}, {times} WAVs, size {size}", Said(np.tile(said, times)))


def _damaged(rng: np.random.Generator, folder: Path) -> OddInput[Said]:
    """Floats beyond full scale, some of them no numbers."""
    said, scale = excerpt(rng), 10 ** rng.uniform(0, 5)
    channels = scale * said[None].repeat(2, 0)
    places = rng.integers(0, channels.size, int(rng.integers(0, 20)))
    channels.flat[places] = rng.choice((np.nan, np.inf, -np.inf))
    codec, rate = str(rng.choice(("pcm_f32le", "pcm_f64le"))), RATE
    path = write(folder / "voice.wav", channels, codec, rate, "stereo")
    return OddInput(path, f"{codec}, {scale:.0f} times full scale, {len(places)} NaN", Said(said))


def _refused(rng: np.random.Generator, folder: Path) -> OddInput[None]:
    head = bytes(rng.choice(_REFUSED)) if rng.random() < 0.5 else b"\x99"
    path = folder / "voice.wav"
    path.write_bytes(head + rng.bytes(4000))
    return OddInput(path, f"begins with {head!r}", None)


def _check_heard(made: OddInput[Said]) -> None:
    require_heard(made.path, made.truth)


def _check_damaged(made: OddInput[Said]) -> None:
    """What is heard is what was said, scaled; nothing wraps around."""
    require_heard(made.path, made.truth)
    seconds = Fraction(len(made.truth.samples), RATE)
    mix([(made.path, 0, 0.0)], None, seconds, made.path.with_name("mix.wav"))
    mixed, said = read_sound(made.path.with_name("mix.wav"), RATE), made.truth.samples
    count = min(len(mixed), len(said))
    found = float(np.corrcoef(np.stack((mixed[:count], said[:count])))[0, 1])
    require(found > 0.99, f"the mix correlates only {found:.3f}")


def _check_refused(made: OddInput[None]) -> None:
    require_refusal(lambda: probe(made.path), "unsupported-type")


KINDS: tuple[Kind[Any], ...] = (
    Kind("sound-format", _formatted, _check_heard),
    Kind("sound-phone", _from_a_phone, _check_heard),
    Kind("sound-streamed", _streamed, _check_heard),
    Kind("sound-damaged", _damaged, _check_damaged),
    Kind("sound-refused", _refused, _check_refused),
)
