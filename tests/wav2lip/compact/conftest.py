"""The shipped checkpoint, and a voice made of noise bursts: syllables, as far as loudness goes."""

import numpy as np
import pytest
import torch

import checkpoints
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.compact import CompactEngine


@pytest.fixture(scope="session")
def engine() -> CompactEngine:
    torch.set_num_threads(1)
    return CompactEngine.from_checkpoint(checkpoints.require("compact"))


@pytest.fixture(scope="session")
def voice_mel() -> np.ndarray:
    """One second of silence, two of vowel-like syllables, one of silence; a noise floor below."""
    rng = np.random.default_rng(0)
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) * ((time > 1) & (time < 3))
    samples = 0.1 * buzz * syllables + 0.001 * rng.standard_normal(len(time))
    return mel_spectrogram(samples.astype(np.float32))
