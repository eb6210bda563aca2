"""The shipped checkpoint, and some words of the sample voice in silence."""

import numpy as np
import pytest
import torch

import checkpoints
from benchmarks.material import SAMPLE_VOICE
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.compact.engine import CompactEngine


@pytest.fixture(scope="session")
def engine() -> CompactEngine:
    torch.set_num_threads(1)
    return CompactEngine.from_checkpoint(checkpoints.require("compact"))


@pytest.fixture(scope="session")
def voice_mel() -> np.ndarray:
    """One second of silence, two in which a sentence is said, one of silence; a noise floor."""
    samples = 0.001 * np.random.default_rng(0).standard_normal(4 * SAMPLE_RATE)
    said = read_sound(SAMPLE_VOICE, SAMPLE_RATE)[round(2.7 * SAMPLE_RATE) :][: 2 * SAMPLE_RATE]
    samples[SAMPLE_RATE : 3 * SAMPLE_RATE] += said
    return mel_spectrogram(samples.astype(np.float32))
