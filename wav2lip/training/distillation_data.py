"""Mini-batches for the speech encoder: augmented mel, and the teacher's features of clean speech.

The student is given it faster or slower, from other vocal tracts and microphones, in rooms, on the
telephone, at any loudness, with music and noise behind it; its targets stay the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wav2lip.audio import N_MELS, SILENCE
from wav2lip.compact.speech_encoder import OFFLINE
from wav2lip.compact.voice_net import STRIDE
from wav2lip.training.augment import reverberated, vtlp
from wav2lip.training.batches import BatchSampler, TensorBatch

SEQUENCE = 240  # outputs, 40 a second: 6 s
COLUMNS = OFFLINE.before + STRIDE * (SEQUENCE - 1) + 1 + OFFLINE.after
# Time stretch: of a few rows, whose vowels are drawn out, and of the others.
SLOW, PACE = (0.35, 0.8), (0.85, 1.18)
# How much louder than what is behind it the voice is, decibels.
ABOVE = (-4.0, 24.0)
# Louder and quieter, in units of the mel (12.5 dB); recordings have their peak at -3 dBFS.
GAIN = (-2.9, 0.4)
DECIBELS = 12.5
# Lips and sound agree to a frame or so at best: in outputs, 40 a second.
JITTER = 0.6
# The part of the heads' labels in the targets where the real mouth is known too; and the weight of
# targets where it is not.
LABEL_WEIGHT, UNMEASURED = 0.35, 0.3


@dataclass(frozen=True)
class Source:
    """One recording: mel (T, 80), normalized features (n, 384), 40 a second.

    `closed` (n,) is that of `speech_corpus.Recording`. `labels` (n, 8) are the mouth shapes that
    the teacher's heads predict, `measured` (n, 8) those of the real mouth where `known` (n,) is 1.
    """

    mel: np.ndarray
    features: np.ndarray
    closed: np.ndarray
    labels: np.ndarray
    measured: np.ndarray
    known: np.ndarray
    weight: float  # its chance of being drawn, relative to others


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Mel (b, 80, COLUMNS) and the targets of the offline exit."""

    mel: Tensor
    features: Tensor  # (b, 384, SEQUENCE)
    spoken: Tensor  # (b, 1, SEQUENCE) 1 where the features are known
    shapes: Tensor  # (b, 8, SEQUENCE)
    known: Tensor  # (b, 1, SEQUENCE) how far the shapes are known, 0..1
    closed: Tensor  # (b, 1, SEQUENCE) 1 where lips are closed, NaN where that is not known


@dataclass(frozen=True)
class DistillationSampler(BatchSampler[Batch]):
    """`count` stretches of the sources, with the `noise` (80, T) behind some of them."""

    sources: Sequence[Source]
    noise: Tensor
    count: int

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        chance = np.array([source.weight for source in self.sources])
        rows = [
            _stretch(self.sources[i], rng)
            for i in rng.choice(len(chance), self.count, p=chance / chance.sum())
        ]
        mel, features, spoken, shapes, known, closed = (
            torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True)
        )
        noisy, voiced = augmented_speech(mel.mT, self.noise, rng)
        return Batch(
            noisy,
            features.mT,
            spoken[:, None] * voiced,
            shapes.mT,
            known[:, None] * voiced,
            torch.where(voiced > 0, closed[:, None], torch.nan),
        )


def augmented_speech(mel: Tensor, noise: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Augmented speech (b, 80, t), and 1 or 0 where a row still holds a voice, (b, 1, 1).

    A few rows are left with noise alone, of which nothing is to be learned but the statistics.
    """
    mel = torch.where(mel > SILENCE, _other_voice(mel, rng), mel)
    if rng.random() < 0.35:
        mel = _reverberant(mel, rng)
    voiced = 1 - _bernoulli(len(mel), 0.04, rng)
    mel = _with_noise(mel, noise, voiced, rng)
    mel = _telephoned(mel, rng) + _uniform(len(mel), *GAIN, rng)
    hiss = _uniform(len(mel), -6.5, -2.0, rng) + _equalizer(len(mel), 0.7, rng)
    mel = torch.maximum(mel, hiss + 0.3 * torch.randn(mel.shape)).clamp(SILENCE, -SILENCE)
    if rng.random() < 0.4:
        band, width = rng.integers(0, N_MELS), rng.integers(0, 10)
        mel[:, band : band + width] = mel.mean((1, 2), keepdim=True)
    return mel, voiced


def _stretch(source: Source, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """SEQUENCE outputs from anywhere in a source: mel and all that `Batch` has of them."""
    pace = rng.uniform(*(SLOW if rng.random() < 0.08 else PACE))
    spare = len(source.mel) - STRIDE * SEQUENCE * pace
    begin = rng.uniform(min(spare, 0) - 10, max(spare, 0) + 10)
    heard = begin + (np.arange(COLUMNS) - OFFLINE.before) * pace
    mel, inside = _read(source.mel, heard)
    mel[~inside] = SILENCE
    at = begin / STRIDE + np.arange(SEQUENCE) * pace
    features, spoken = _read(source.features, at)
    labels, _ = _read(source.labels, at)
    measured, _ = _read(source.measured, at + rng.uniform(-JITTER, JITTER))
    nearest = at.round().astype(int).clip(0, len(source.known) - 1)
    known = spoken & (source.known[nearest] > 0)
    closed = np.where(spoken, source.closed[nearest], np.nan).astype(np.float32)
    shapes = np.where(known[:, None], measured + LABEL_WEIGHT * (labels - measured), labels)
    weight = np.where(known, 1.0, UNMEASURED * spoken).astype(np.float32)
    return mel, features, spoken.astype(np.float32), shapes, weight, closed


def _read(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`values` (n, c) read between its rows, float32, and which `places` are inside of it."""
    last = len(values) - 1
    below = np.floor(places).astype(int)
    part = (places - below)[:, None].astype(np.float32)
    low, high = (values[index.clip(0, last)].astype(np.float32) for index in (below, below + 1))
    return low + (high - low) * part, (below >= 0) & (below < last)


def _other_voice(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Other vocal tracts and microphones."""
    some = _bernoulli(len(mel), 0.6, rng)[:, :, 0]
    shift = _uniform(len(mel), -3, 3, rng)[:, :, 0] * some
    scale = 1 + _uniform(len(mel), -0.07, 0.07, rng)[:, :, 0] * some
    return vtlp(mel, shift, scale) + _equalizer(len(mel), 0.6, rng)


def _reverberant(mel: Tensor, rng: np.random.Generator) -> Tensor:
    decay = _uniform(len(mel), 0.0, 0.85, rng)[:, :, 0]
    level = _uniform(len(mel), -2.5, -0.4, rng)[:, :, 0]
    return reverberated(mel, decay, level)


def _with_noise(mel: Tensor, noise: Tensor, voiced: Tensor, rng: np.random.Generator) -> Tensor:
    """Voices and two noises, added in the power of the bands; the noise alone if not `voiced`."""
    count, columns = len(mel), mel.shape[2]
    voice = _power(mel)
    level = voice.mean((1, 2), keepdim=True)
    level = torch.where(level > 1e-6, level, 10 ** _uniform(count, -1.5, 1.0, rng))
    back = torch.zeros_like(voice)
    for share in (torch.ones(count, 1, 1), _uniform(count, 0, 1, rng) ** 2):
        at = torch.from_numpy(rng.integers(0, noise.shape[1] - columns, count))
        part = noise[:, at[:, None] + torch.arange(columns)].permute(1, 0, 2)
        power = _power(part + _equalizer(count, 0.6, rng))
        back = back + share * power / power.mean((1, 2), keepdim=True).clamp(min=1e-9)
    back = back / back.mean((1, 2), keepdim=True).clamp(min=1e-9)
    present = torch.maximum(_bernoulli(count, 0.6, rng), 1 - voiced)
    back = present * back * level * 10 ** (-_uniform(count, *ABOVE, rng) / 10)
    both = (voice * voiced + back).clamp(min=1e-9)
    return (both.log10() * (10 / DECIBELS)).clamp(SILENCE, -SILENCE)


def _telephoned(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Some with the bandwidth of a telephone, an old record or a codec."""
    bands = torch.arange(N_MELS)[:, None]
    cut = bands > _uniform(len(mel), 42, 76, rng)
    cut |= bands < _uniform(len(mel), -8, 9, rng)
    return torch.where(cut & (_bernoulli(len(mel), 0.2, rng) > 0), SILENCE, mel)


def _power(mel: Tensor) -> Tensor:
    return 10 ** (mel * (DECIBELS / 10)) * (mel > SILENCE)


def _equalizer(count: int, most: float, rng: np.random.Generator) -> Tensor:
    """A random smooth curve over the bands, (count, 80, 1), at most `most` units of mel."""
    curve = torch.from_numpy(rng.uniform(-most, most, (count, 1, 6)).astype(np.float32))
    return functional.interpolate(curve, N_MELS, mode="linear").mT


def _bernoulli(count: int, probability: float, rng: np.random.Generator) -> Tensor:
    """1 with a `probability` and else 0, (count, 1, 1)."""
    return torch.from_numpy((rng.random((count, 1, 1)) < probability).astype(np.float32))


def _uniform(count: int, low: float, high: float, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, (count, 1, 1)).astype(np.float32))
