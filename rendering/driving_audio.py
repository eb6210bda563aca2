"""The sound that drives each mouth: all that one person says, as one mel spectrogram."""

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from face_detection.persons import Person
from rendering.channel_selection import read_speech
from rendering.spec import RenderSpec
from rendering.voice_level import levelled
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.engine import Engine

# A file, its change time and size (another file may come under its name), and where it begins.
_Part = tuple[Path, int, int, Fraction]


def drive(spec: RenderSpec, speaker: Person, engine: Engine, start: int, stop: int) -> np.ndarray:
    """What `engine.drive` makes of the speaker's voices in result frames start..stop.

    The array is (stop - start, ...), of the engine's own kind. Between voices, before the first
    and after the last one the mouth rests. Each voice drives at one loudness, by the channels that
    carry its speech: neither its level nor its gain in the mix changes anything. Whole frames
    before the first voice are left out of the sound: a late voice costs no more than an early one,
    and the noise of the recording stays what it is.
    """
    mel, first = speech_of(spec, speaker)
    return engine.drive(mel, start - first, stop - first, spec.fps)


def speech_of(spec: RenderSpec, speaker: Person) -> tuple[np.ndarray, int]:
    """All that the speaker says as a mel spectrogram (80, T), and the result frame it begins at."""
    voices = [voice for voice in spec.voices if voice.person == speaker.id]
    first = (min(voice.start for voice in voices) * spec.fps).__floor__()
    parts = tuple(
        (voice.path, status.st_mtime_ns, status.st_size, voice.start - first / spec.fps)
        for voice in voices
        for status in [voice.path.stat()]
    )
    return _mel(parts), first


@lru_cache(maxsize=4)
def _mel(parts: tuple[_Part, ...]) -> np.ndarray:
    sounds = [
        (round(start * SAMPLE_RATE), levelled(read_speech(path))) for path, _, _, start in parts
    ]
    speech = np.zeros(max(at + len(sound) for at, sound in sounds), np.float32)
    for at, sound in sounds:
        speech[at : at + len(sound)] += sound
    return mel_spectrogram(speech)
