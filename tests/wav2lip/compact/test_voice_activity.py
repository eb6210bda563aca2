"""What is speech and what is not: the sample voice, and sounds played for the purpose."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import sounds
from benchmarks.material import FPS, RATE, SAMPLE_VOICE
from benchmarks.silence import voice as programme
from media.errors import NamedError
from media.sound import read_sound
from wav2lip.audio import MEL_RATE, mel_spectrogram
from wav2lip.compact import voice_activity
from wav2lip.compact.mouth_motion import GRID_RATE, energy_gate, speech_gate
from wav2lip.compact.voice_activity import NET_CONTEXT, VoiceActivityNet, activity, log_odds


@pytest.fixture(scope="module")
def net() -> VoiceActivityNet:
    torch.manual_seed(0)
    return VoiceActivityNet().eval()


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return read_sound(SAMPLE_VOICE, RATE)


def instants(sound: np.ndarray) -> np.ndarray:
    return np.arange(len(sound) * GRID_RATE // RATE)


# Birds that whistle in syllables are taken for somebody who does: see checkpoints/speech.md.
@pytest.mark.parametrize("kind", sorted(sounds.KINDS.keys() - {"birds"}))
def test_what_is_no_voice_moves_no_mouth(kind: str) -> None:
    sound = sounds.KINDS[kind](np.random.default_rng(1), 6 * RATE).astype(np.float32)
    assert speech_gate(mel_spectrogram(sound), instants(sound)).mean() < 0.1


@pytest.mark.parametrize("kind", ["chords", "band", "hum", "applause"])
def test_a_voice_is_heard_over_other_sounds(voice: np.ndarray, kind: str) -> None:
    behind = sounds.KINDS[kind](np.random.default_rng(1), len(voice))
    behind *= 0.3 * voice.std() / behind.std()
    grid = instants(voice)
    loud = energy_gate(mel_spectrogram(voice), grid) > 0.5
    moved = speech_gate(mel_spectrogram((voice + behind).astype(np.float32)), grid)
    assert (moved[loud] > 0.5).mean() > 0.97


def test_loudness_does_not_decide(voice: np.ndarray) -> None:
    grid = instants(voice)
    loud = energy_gate(mel_spectrogram(voice), grid) > 0.5
    for level in (0.1, 1.0):
        moved = speech_gate(mel_spectrogram(level * voice), grid)
        assert (moved[loud] > 0.5).mean() > 0.97


def test_a_mouth_rests_until_the_voice_begins(voice: np.ndarray) -> None:
    """Three seconds of music, then somebody speaks over it."""
    intro = 3 * RATE
    sound = np.concatenate((np.zeros(intro), voice))
    sound = sound + 0.5 * sounds.band(np.random.default_rng(1), len(sound))
    moved = speech_gate(mel_spectrogram(sound.astype(np.float32)), instants(sound))
    assert moved[: round(2.6 * GRID_RATE)].mean() < 0.1
    assert moved[4 * GRID_RATE : 5 * GRID_RATE].min() > 0.5
    # It opens by and by: at 25 frames a second nothing pops.
    assert np.abs(np.diff(moved)).max() < 0.25


def test_a_mouth_closes_soon_in_a_noise_that_begins_where_a_voice_ends() -> None:
    sound, labels = programme()
    frames = np.arange(len(labels)) / float(FPS)
    grid = np.arange(round(len(labels) / FPS * GRID_RATE))
    moved = np.interp(frames, grid / GRID_RATE, speech_gate(mel_spectrogram(sound), grid))
    for kind in sounds.KINDS.keys() - {"birds"}:
        assert (moved[labels == kind] ** 2).mean() < 0.004, kind


def test_an_instant_has_one_answer_whatever_else_is_asked(
    net: VoiceActivityNet, voice: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    mel = mel_spectrogram(voice)
    whole = activity(mel, -10, 150, net)
    assert activity(mel, 40, 60, net) == pytest.approx(whole[50:71], abs=1e-5)
    monkeypatch.setattr(voice_activity, "_CHUNK", 30)
    assert activity(mel, -10, 150, net) == pytest.approx(whole, abs=1e-5)


def test_what_is_farther_away_than_the_reach_is_not_heard(net: VoiceActivityNet) -> None:
    mel = np.random.default_rng(0).uniform(-4, 4, (80, 5 * MEL_RATE)).astype(np.float32)
    near = np.full_like(mel, -4)
    near[:, 200 - NET_CONTEXT : 200 + NET_CONTEXT + 1] = mel[
        :, 200 - NET_CONTEXT : 200 + NET_CONTEXT + 1
    ]
    assert log_odds(near, 100, 100, net) == pytest.approx(log_odds(mel, 100, 100, net), abs=1e-5)


def test_other_weights_are_no_speech_net(tmp_path: Path) -> None:
    torch.save({"state_dict": {"some.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(NamedError) as error:
        voice_activity.load(tmp_path / "other.pt")
    assert error.value.code == "checkpoint-corrupt"
