"""The voice net answers alike however it is asked, and never hears what is not near."""

import numpy as np
import pytest
import torch

from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import voice_net
from wav2lip.compact.voice_net import CONTEXT, VoiceNet, predict


@pytest.fixture(scope="module")
def net() -> VoiceNet:
    torch.manual_seed(0)
    return VoiceNet().eval()


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    return np.random.default_rng(0).uniform(-4, 4, (80, 400)).astype(np.float32)


def test_one_answer_for_every_other_column(net: VoiceNet) -> None:
    with torch.inference_mode():
        assert net(torch.zeros(2, 80, 31)).shape == (2, 8, 16)


def test_an_instant_has_one_answer_whatever_else_is_asked(net: VoiceNet, mel: np.ndarray) -> None:
    seconds = np.arange(0, 5, 0.04)
    whole = predict([net], mel, seconds)
    assert predict([net], mel, seconds[37:40]) == pytest.approx(whole[37:40], abs=1e-5)
    assert predict([net], mel, seconds[:0]).shape == (0, 8)


def test_a_long_voice_is_heard_in_parts_that_join(
    net: VoiceNet, mel: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = np.arange(0, 5, 0.04)
    whole = predict([net], mel, seconds)
    monkeypatch.setattr(voice_net, "_CHUNK", 60)
    assert predict([net], mel, seconds) == pytest.approx(whole, abs=1e-5)


def test_what_is_farther_away_than_the_reach_is_not_heard(net: VoiceNet, mel: np.ndarray) -> None:
    instant = np.array([200 / MEL_RATE])
    near = np.full_like(mel, SILENCE)
    near[:, 200 - CONTEXT : 200 + CONTEXT + 1] = mel[:, 200 - CONTEXT : 200 + CONTEXT + 1]
    assert predict([net], near, instant) == pytest.approx(predict([net], mel, instant), abs=1e-5)


def test_outside_the_sound_there_is_silence(net: VoiceNet, mel: np.ndarray) -> None:
    silent = predict([net], mel[:, :0], np.array([0.0]))
    assert predict([net], mel, np.array([-1.0])) == pytest.approx(silent, abs=1e-5)
    assert predict([net], mel, np.array([9.0])) == pytest.approx(silent, abs=1e-5)
