"""Odd voices: too quiet or too loud, on one channel of many, over music, or no voices at all."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import wav2lip
from benchmarks import sounds
from benchmarks.material import FPS
from benchmarks.odd_kind import Kind, OddInput, require
from benchmarks.odd_sounds import RATE, excerpt, write
from face_detection.persons import Person
from media.loudness import integrated_loudness
from media.mixing import mix
from media.probe import MediaInfo
from media.sound import channel_blocks, check_voice
from rendering import driving_audio
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack
from rendering.speech_notes import speech_notes
from wav2lip.compact.mouth_shape import OPENING
from wav2lip.engine import Engine

# Sounds that are no speech and that the voice activity net knows as such (checkpoints/speech.md).
_OTHERS = tuple(sorted(sounds.KINDS.keys() - {"birds"}))
# Between a mouth and the one that it should be: the correlation, and by how much it opens farther
# or less far; and how far a mouth at rest may open, of that.
_LEAST_CORRELATION, _MOST_DIFFERENCE, _AT_REST = 0.95, 0.1, 0.1


@dataclass(frozen=True)
class Spoken:
    """What a file says, (n,) float32 at 16 kHz; all zeros for one that is no voice."""

    samples: np.ndarray


def _quiet(rng: np.random.Generator, folder: Path) -> OddInput[Spoken]:
    said, level = excerpt(rng), rng.uniform(-40, -3)
    scaled = said * 10 ** (level / 20) / np.abs(said).max()
    path = write(folder / "voice.wav", scaled[None], "pcm_s24le", RATE)
    return OddInput(path, f"{level:.0f} dBFS", Spoken(said))


def _beside_others(rng: np.random.Generator, folder: Path) -> OddInput[Spoken]:
    """A voice in one channel of several; silence, music or its own opposite in the others."""
    said = excerpt(rng)
    layout, count = {0: ("stereo", 2), 1: ("5.1", 6), 2: ("7.1", 8)}[int(rng.integers(3))]
    beside = str(rng.choice(("silence", "music", "opposite")))
    other = {
        "silence": np.zeros(len(said)),
        "music": said.std() * _normalised(sounds.chords(rng, len(said))),
        "opposite": -said if count == 2 else np.zeros(len(said)),
    }[beside]
    channels = np.stack([np.roll(other, 500 * number) for number in range(count)])
    if beside == "opposite":
        channels[:] = other
    place = int(rng.choice([number for number in range(count) if number != 3]))  # 3: low effects
    channels[place] = said
    path = write(folder / "voice.flac", channels, "flac", 48000, layout)
    return OddInput(path, f"channel {place} of {layout}, {beside} beside it", Spoken(said))


def _no_voice(rng: np.random.Generator, folder: Path) -> OddInput[Spoken]:
    kind, seconds = str(rng.choice(_OTHERS)), rng.uniform(2, 5)
    sound = sounds.KINDS[kind](rng, round(seconds * RATE))
    path = write(folder / "voice.wav", sound[None] / max(1, np.abs(sound).max()), "pcm_s24le", RATE)
    return OddInput(path, f"{seconds:.1f} s of {kind}", Spoken(np.zeros(len(sound), np.float32)))


def _dialogue(rng: np.random.Generator, folder: Path) -> OddInput[Spoken]:
    """Two recordings of one voice, the second up to 30 dB quieter."""
    said, quieter = excerpt(rng), 10 ** (-rng.uniform(0, 30) / 20)
    path = write(folder / "a.wav", said[None], "pcm_f32le", RATE)
    write(folder / "b.wav", said[None] * quieter, "pcm_f32le", RATE)
    return OddInput(path, f"{20 * np.log10(quieter):.0f} dB", Spoken(said))


def _check_mouth(made: OddInput[Spoken]) -> None:
    """The mouth moves as the voice alone moves it, or rests, with a note, where there is none."""
    spec = _spec(made.path)
    found = _openings(spec)
    if not made.truth.samples.any():
        usual = _openings(_spec(_plain(made.path, excerpt(np.random.default_rng(0)))))
        require(found.std() <= _AT_REST * usual.std(), f"opens by {found.std():.2f}")
        require(any("heard as speech" in note for note in speech_notes(spec)), "no note")
        return
    require(not speech_notes(spec), f"noted: {speech_notes(spec)}")
    right = _openings(_spec(_plain(made.path, made.truth.samples)))
    count = min(len(found), len(right))
    correlation = float(np.corrcoef(np.stack((found[:count], right[:count])))[0, 1])
    require(correlation >= _LEAST_CORRELATION, f"the opening correlates only {correlation:.3f}")
    farther = found.std() / right.std()
    require(abs(farther - 1) <= _MOST_DIFFERENCE, f"opens {farther:.2f} times as far")


def _check_dialogue(made: OddInput[Spoken]) -> None:
    """Both are heard equally loud, as loud as the louder one."""
    seconds = Fraction(len(made.truth.samples), RATE)
    voices = [(made.path, 0, 0.0), (made.path.with_name("b.wav"), seconds, 0.0)]
    mix(voices, None, 2 * seconds, made.path.with_name("mix.wav"))
    mixed = np.concatenate(list(channel_blocks(made.path.with_name("mix.wav"), RATE)), axis=1)
    count = len(made.truth.samples)
    parts = (mixed[:, :count], mixed[:, count : 2 * count])
    first, second = (integrated_loudness(lambda part=part: iter([part]), RATE) for part in parts)
    require(first is not None and second is not None, "one of them is silent")
    difference = (second or 0.0) - (first or 0.0)
    require(abs(difference) < 0.5, f"the second is {difference:+.1f} LU louder")


def _plain(beside: Path, said: np.ndarray) -> Path:
    """A voice as a mono WAV in the folder of another file."""
    return write(beside.with_name("plain.wav"), said[None], "pcm_f32le", RATE)


def _normalised(sound: np.ndarray) -> np.ndarray:
    return sound / sound.std()


def _spec(path: Path) -> RenderSpec:
    person = Person(1, np.zeros(1, int), np.zeros((1, 4)), np.ones(1), FPS)
    source = Source(Path("face.png"), MediaInfo("image", 64, 64), Options())
    return RenderSpec(source, (VoiceTrack(path, 1, check_voice(path)),), (person,))


def _openings(spec: RenderSpec) -> np.ndarray:
    """How far the mouth is open in each frame, (frames,)."""
    drive = driving_audio.drive(spec, spec.persons[0], _engine(), 0, spec.frames)
    return drive[:, OPENING]


@cache
def _engine() -> Engine:
    return wav2lip.load("compact")


KINDS: tuple[Kind[Any], ...] = (
    Kind("voice-quiet", _quiet, _check_mouth),
    Kind("voice-channels", _beside_others, _check_mouth),
    Kind("voice-none", _no_voice, _check_mouth),
    Kind("voice-dialogue", _dialogue, _check_dialogue),
)
