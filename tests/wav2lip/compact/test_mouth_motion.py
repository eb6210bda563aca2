"""A voice moves the mouth; silence lets it rest; pieces join without a seam."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wav2lip.audio import MEL_RATE, SILENCE
from wav2lip.compact import mouth_motion
from wav2lip.compact.engine import CompactEngine
from wav2lip.compact.mouth_motion import GRID_RATE, Speaker, closure, speech_gate

FPS = Fraction(25)


def test_a_mouth_opens_while_somebody_speaks(engine: CompactEngine, voice_mel: np.ndarray) -> None:
    shapes = engine.drive(voice_mel, 0, 100, FPS)
    assert shapes.shape == (100, 9)
    assert shapes.dtype == np.float32
    opening = shapes[:, 0]
    assert opening[30:70].max() > opening[0] + 0.5
    assert opening[30:70].std() > 10 * opening[:15].std()


def test_a_mouth_rests_in_silence_in_spite_of_a_noise_floor(
    engine: CompactEngine, voice_mel: np.ndarray
) -> None:
    shapes = engine.drive(voice_mel, 0, 100, FPS)
    still = np.concatenate((shapes[:16], shapes[-16:]))
    assert np.ptp(still, axis=0) == pytest.approx(0, abs=1e-4)
    assert still[0] == pytest.approx(engine.drive(voice_mel[:, :0], 0, 1, FPS)[0], abs=1e-4)


def test_after_its_end_a_voice_is_silent(engine: CompactEngine, voice_mel: np.ndarray) -> None:
    shapes = engine.drive(voice_mel[:, 80:160], 0, 100, FPS)
    assert np.ptp(shapes[50:], axis=0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(12), Fraction(60)])
def test_a_video_in_pieces_moves_as_one(
    engine: CompactEngine, voice_mel: np.ndarray, fps: Fraction
) -> None:
    frames = int(4 * fps)
    whole = engine.drive(voice_mel, 0, frames, fps)
    cuts = [0, 7, frames // 2, frames // 2 + 1, frames]
    pieces = [engine.drive(voice_mel, a, b, fps) for a, b in pairwise(cuts)]
    assert np.concatenate(pieces) == pytest.approx(whole, abs=1e-4)


def test_the_same_instant_has_the_same_shape_at_any_rate(
    engine: CompactEngine, voice_mel: np.ndarray
) -> None:
    at_25, at_50 = (engine.drive(voice_mel, 0, 4 * n, Fraction(n)) for n in (25, 50))
    assert at_50[::2] == pytest.approx(at_25, abs=1e-4)


def test_no_frames_have_no_shapes(engine: CompactEngine, voice_mel: np.ndarray) -> None:
    assert engine.drive(voice_mel, 5, 5, FPS).shape == (0, 9)


@pytest.mark.parametrize("louder", [-1.5, 0.0, 1.5])
def test_loudness_does_not_decide_what_is_speech(voice_mel: np.ndarray, louder: float) -> None:
    speech = speech_gate((voice_mel + louder).clip(-4, 4), np.arange(4 * GRID_RATE))
    assert speech[: GRID_RATE // 2].max() == 0
    assert speech[GRID_RATE + 2 : GRID_RATE + 20].min() > 0.9


def test_what_one_recording_sounds_like_says_nothing_about_another(voice_mel: np.ndarray) -> None:
    """A loud voice, a quarter of an hour of digital silence, a quiet voice: each has its floor."""
    loud = voice_mel[:, : 4 * MEL_RATE]
    quiet = (loud - 1.5).clip(-4, 4)
    nothing = np.full((80, 15 * 60 * MEL_RATE), SILENCE, np.float32)
    alone = speech_gate(quiet, np.arange(4 * GRID_RATE))
    joined = np.concatenate((loud, nothing, quiet), 1)
    after = (4 + 15 * 60) * GRID_RATE
    assert alone.max() > 0.9
    assert speech_gate(joined, after + np.arange(4 * GRID_RATE)) == pytest.approx(alone, abs=1e-6)
    assert speech_gate(joined, np.arange(4 * GRID_RATE, after - GRID_RATE)).max() < 1e-6


def test_a_click_in_silence_opens_no_mouth(engine: CompactEngine, voice_mel: np.ndarray) -> None:
    clicked = voice_mel.copy()
    clicked[:, 40:42] = 2
    rest = engine.drive(voice_mel, 0, 20, FPS)
    assert engine.drive(clicked, 0, 20, FPS) == pytest.approx(rest, abs=0.01)


def test_lips_come_to_rest_without_a_jump(engine: CompactEngine, voice_mel: np.ndarray) -> None:
    """Where speech ends, no step between frames is larger than those within speech."""
    steps = np.abs(np.diff(engine.drive(voice_mel, 0, 100, FPS)[:, 0]))
    assert steps[70:].max() < steps[28:70].max()


class _Detector(nn.Module):
    """A wide open mouth, whose lips are closed where the mel is loudest."""

    context = 4

    def forward(self, mel: Tensor) -> Tensor:
        opened = torch.ones(len(mel), 8, (mel.shape[2] + 1) // 2)
        return torch.cat((opened, torch.where(mel[:, 40:41, ::2] > 3.5, 5.0, -5.0)), 1)


def test_detected_bilabials_close_the_lips(voice_mel: np.ndarray) -> None:
    mel = voice_mel.clip(SILENCE, 3)
    mel[:, 158:162] = 4
    speaker = Speaker(np.zeros(8, np.float32), np.full(8, 0.5, np.float32), np.zeros(8, np.float32))
    opening, width = mouth_motion.drive([_Detector()], speaker, mel, 30, 70, FPS)[:, [0, 2]].T
    at = 80 / GRID_RATE * FPS - 30
    assert opening[int(at)] < 0.15 * opening.max()
    assert width[int(at)] == pytest.approx(width.max(), rel=0.1)
    assert opening[int(at) - 3] > 0.8 * opening.max()


def test_a_closure_of_one_instant_is_met_by_a_frame() -> None:
    for first in range(8):
        log_odds = np.full(40, -9.0)
        log_odds[first + 10] = 9.0
        frames = np.interp(np.arange(0, 39, GRID_RATE / 25), np.arange(40), closure(log_odds))
        assert frames.max() > 0.85
