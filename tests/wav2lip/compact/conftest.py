"""The shipped checkpoint, a face, and some words of the sample voice in silence."""

import numpy as np
import pytest
import torch
from skimage import data

import checkpoints
from benchmarks.material import SAMPLE_VOICE
from face_detection.landmarks import fit_box, landmarks
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


@pytest.fixture(scope="session")
def frame() -> np.ndarray:
    """A smile that shows teeth."""
    return data.astronaut()


@pytest.fixture(scope="session")
def box(frame: np.ndarray) -> np.ndarray:
    """The face of `frame`."""
    return np.array(fit_box(landmarks(frame, (170, 65, 280, 195))))
