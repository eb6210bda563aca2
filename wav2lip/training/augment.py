"""Augmentation of log-mel: vocal tract length perturbation, reverberation, equalizer, noise,
SpecAugment.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wav2lip.audio import N_MELS


def augmented(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Log-mel (n, 80, t) in -4..4 as other vocal tracts, rooms and microphones would have given it,
    parts of it masked: the same shape and range. Uses the random numbers of `rng` and of torch.
    """
    n = len(mel)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *shape)).astype(np.float32))

    mel = vtlp(mel, uniform(-5, 5, 1), uniform(0.88, 1.12, 1))
    mel = reverberated(mel, uniform(0.0, 0.85, 1), uniform(-3.0, -0.25, 1))
    bands = functional.interpolate(uniform(-0.6, 0.6, 1, 7), N_MELS, mode="linear")[:, 0, :, None]
    mel = mel + uniform(-1.2, 0.8, 1, 1) + bands
    # A noise floor hides what is quieter than itself: most voices have one far down.
    hiss = functional.interpolate(uniform(-0.7, 0.7, 1, 5), N_MELS, mode="linear")[:, 0, :, None]
    floor = uniform(-6.5, -1.2, 1, 1) + hiss
    mel = torch.maximum(mel, floor + 0.3 * torch.randn(mel.shape))
    return _spec_augmented(mel, rng).clamp(-4, 4)


def vtlp(mel: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Vocal tract length perturbation (VTLP: Jaitly and Hinton, 2013): formants moved by `shift`
    (n, 1) bands and stretched by `scale` (n, 1).
    """
    places = (torch.arange(N_MELS)[None] * scale + shift).clamp(0, N_MELS - 1.001)
    below = places.long()
    share = (places - below)[:, :, None]
    below = below[:, :, None].expand(-1, -1, mel.shape[2])
    return mel.gather(1, below) * (1 - share) + mel.gather(1, below + 1) * share


def reverberated(mel: Tensor, decay: Tensor, level: Tensor) -> Tensor:
    """Mel (n, 80, t) with reverberation: what was heard before falls by 0.1 + `decay` a column, and
    counts at `level`, both in units of mel.
    """
    heard, ringing = [mel[:, :, 0]], mel[:, :, 0]
    for column in range(1, mel.shape[2]):
        # Decibels fall evenly; one unit of mel is 12.5 dB.
        ringing = torch.maximum(ringing - 0.1 - decay, mel[:, :, column - 1])
        heard.append(torch.maximum(mel[:, :, column], ringing + level))
    return torch.stack(heard, 2)


def _spec_augmented(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Some bands and columns masked by the mean (SpecAugment: Park et al., Interspeech 2019)."""
    mean = mel.mean((1, 2), keepdim=True)
    moments = mel.shape[2]
    for axis, size, widest in ((1, N_MELS, 14), (1, N_MELS, 8), (2, moments, moments // 16)):
        start, width = rng.integers(0, size, (len(mel), 1)), rng.integers(0, widest, (len(mel), 1))
        places = np.arange(size)
        hidden = torch.from_numpy((places >= start) & (places < start + width))
        mel = torch.where(hidden[:, :, None] if axis == 1 else hidden[:, None], mean, mel)
    return mel
