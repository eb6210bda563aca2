"""What drives a mouth: the speech of a voice, whatever its level and whichever channel it is on."""

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sounds
from face_detection.persons import Person
from media.probe import MediaInfo
from media.sample import VOICE
from media.sound import read_sound
from rendering.channel_selection import read_speech
from rendering.driving_audio import speech_of
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack
from rendering.speech_notes import speech_notes
from rendering.voice_level import levelled

RATE = 16000


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    """Three seconds of the sample voice."""
    return read_sound(VOICE, RATE)[: 3 * RATE]


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    return sounds.band(np.random.default_rng(0), 3 * RATE).astype(np.float32)


def write(path: Path, *channels: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(4)
        file.setframerate(RATE)
        levels = np.stack(channels, 1).astype(np.float64).clip(-1, 1) * (2**31 - 1)
        file.writeframes(np.rint(levels).astype("<i4").tobytes())
    return path


def spec(*voices: Path) -> RenderSpec:
    source = Source(Path("face.png"), MediaInfo("image", 64, 64), Options())
    person = Person(1, np.zeros(1, int), np.zeros((1, 4)), np.ones(1), Fraction(25))
    tracks = tuple(
        VoiceTrack(path, 1, Fraction(3), Fraction(4 * at)) for at, path in enumerate(voices)
    )
    return RenderSpec(source, tracks, (person,))


@pytest.mark.parametrize("decibels", [-3.0, -20.0, -40.0])
def test_a_quiet_recording_drives_as_a_loud_one(decibels: float, said: np.ndarray) -> None:
    changed = said * np.float32(10 ** (decibels / 20) / np.abs(said).max())
    assert levelled(changed) == pytest.approx(levelled(said), abs=1e-5)


def test_silence_stays_silence() -> None:
    assert not levelled(np.zeros(RATE, np.float32)).any()


def test_a_voice_drives_by_the_mean_of_its_channels(said: np.ndarray, tmp_path: Path) -> None:
    quarter = said / 4
    path = write(tmp_path / "voice.wav", said, quarter)
    assert read_speech(path) == pytest.approx(0.625 * said, abs=1e-6)


@pytest.mark.parametrize("others", [1, 5, 7])
def test_a_voice_drives_though_the_other_channels_hold_music(
    others: int, said: np.ndarray, music: np.ndarray, tmp_path: Path
) -> None:
    channels = [np.roll(music, 1000 * number) for number in range(others)]
    path = write(tmp_path / "voice.wav", *channels[:2], said, *channels[2:])
    assert read_speech(path) == pytest.approx(said, abs=1e-6)


def test_a_voice_in_opposite_phase_drives(said: np.ndarray, tmp_path: Path) -> None:
    heard = read_speech(write(tmp_path / "voice.wav", said, -said))
    assert heard * np.sign(heard @ said) == pytest.approx(said, abs=1e-6)


def test_two_people_on_a_side_each_drive_both(said: np.ndarray, tmp_path: Path) -> None:
    first = np.where(np.arange(len(said)) < 2 * RATE, said, 0)
    path = write(tmp_path / "voice.wav", first, said - first)
    assert read_speech(path) == pytest.approx(said / 2, abs=1e-6)


def test_what_is_no_speech_is_noted(said: np.ndarray, music: np.ndarray, tmp_path: Path) -> None:
    voice = write(tmp_path / "voice.wav", said)
    none = write(tmp_path / "none.wav", music)
    little = write(tmp_path / "little.wav", np.concatenate((said[4000:14000], 0.5 * music)))
    assert speech_notes(spec(voice)) == []
    (first,) = speech_notes(spec(voice, none))
    assert first.startswith("Voice 2: nothing was heard as speech")
    assert speech_notes(spec(voice, little))[0].startswith("Voice 2: only 0.")


def test_all_voices_of_a_person_drive_at_one_loudness(said: np.ndarray, tmp_path: Path) -> None:
    loud, quiet = write(tmp_path / "a.wav", said), write(tmp_path / "b.wav", said / 50)
    plan = spec(loud, quiet)
    mel, first = speech_of(plan, plan.persons[0])
    assert first == 0
    assert mel[:, 320:560].mean() == pytest.approx(mel[:, :240].mean(), abs=0.02)
