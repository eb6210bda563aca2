"""Sequences of log-mel and of the mouth shapes meanwhile, for the voice nets to learn from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wav2lip.audio import MEL_RATE, N_MELS, SILENCE
from wav2lip.compact import voice_net
from wav2lip.training import dataset
from wav2lip.training.augment import augmented
from wav2lip.training.batches import BatchSampler, TensorBatch

FPS = 25
# Answers of a sequence: 48 at 40 a second, 1.2 s.
SEQUENCE = 48
# Augmentation: time stretch, faster or slower by up to this part.
STRETCH = 0.15
# Columns of sound that a frame must have before and after it to be learned from.
HEARD_BEFORE, HEARD_AFTER = 4, 10


@dataclass(frozen=True)
class Material:
    """Clips laid end to end: their sound in `mel`, their frames in `target`."""

    mel: Tensor  # (80, T), silence between the clips
    target: Tensor  # (n, 8) deviations in standard deviations of the group, 25 a second
    first_column: np.ndarray  # (clips,) where a clip's sound begins in `mel`
    columns: np.ndarray  # (clips,) how long it is
    first_frame: np.ndarray  # (clips,) where its frames begin in `target`
    frames: np.ndarray  # (clips,) how many they are
    lag: np.ndarray  # (clips,) frame i shows what is said at frame i + lag
    chance: np.ndarray  # (clips,) cumulative probability of being drawn


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Stretches of SEQUENCE answers, and the sound around them."""

    heard: Tensor  # (n, 80, T)
    target: Tensor  # (n, 8, SEQUENCE)
    known: Tensor  # (n, 1, SEQUENCE) 1 where the target is known, else 0


@dataclass(frozen=True)
class SequenceSampler(BatchSampler[Batch]):
    """`count` stretches from anywhere in the clips, augmented."""

    material: Material
    count: int
    context: int = voice_net.CONTEXT  # columns of sound before and after a stretch

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        return _sample(self.material, rng, self.count, self.context)


def gather(
    clips: list[dataset.Clip], lags: dict[str, int], context: int = voice_net.CONTEXT
) -> Material:
    """Clips laid end to end; `lags` are in frames, by name (0 where it has none).

    `context` is that of the network, in columns.

    Persons are drawn by the square root of their frames.
    """
    usual = statistics(clips)
    gap = np.full((N_MELS, 2 * context + 2 * SEQUENCE), SILENCE, np.float32)
    mels, targets, first_column, first_frame = [gap], [], [], []
    column, frame = gap.shape[1], 0
    seen: dict[str, int] = {}
    for clip in clips:
        mean, deviation = usual[clip.group]
        targets.append(((clip.raw - mean) / deviation).clip(-4, 4))
        mels += [clip.mel, gap]
        first_column.append(column)
        first_frame.append(frame)
        column += clip.mel.shape[1] + gap.shape[1]
        frame += len(clip.raw)
        seen[clip.person] = seen.get(clip.person, 0) + len(clip.raw)
    chance = np.cumsum([len(clip.raw) * seen[clip.person] ** -0.5 for clip in clips])
    return Material(
        mel=torch.from_numpy(np.concatenate(mels, 1)),
        target=torch.from_numpy(np.concatenate(targets).astype(np.float32)),
        first_column=np.array(first_column),
        columns=np.array([clip.mel.shape[1] for clip in clips]),
        first_frame=np.array(first_frame),
        frames=np.array([len(clip.raw) for clip in clips]),
        lag=np.array([lags.get(clip.name, 0) for clip in clips]),
        chance=chance / chance[-1],
    )


def statistics(clips: list[dataset.Clip]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviation of the raw lengths in each group of clips, (8,) each.

    A deviation is a third of the usual one at least: of a mouth that is still it would be noise.
    """
    grouped: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        grouped.setdefault(clip.group, []).append(clip.raw)
    joined = {group: np.concatenate(raws) for group, raws in grouped.items()}
    floor = np.median([raw.std(0) for raw in joined.values()], axis=0) / 3
    return {group: (raw.mean(0), np.maximum(raw.std(0), floor)) for group, raw in joined.items()}


def _sample(material: Material, rng: np.random.Generator, count: int, context: int) -> Batch:
    clip = np.searchsorted(material.chance, rng.random(count)).clip(max=len(material.chance) - 1)
    pace = rng.uniform(1 - STRETCH, 1 + STRETCH, count)
    span = SEQUENCE * voice_net.STRIDE * pace
    # A sequence begins anywhere in its clip, or a little before it.
    spare = (material.columns[clip] - span).clip(min=0)
    begin = rng.uniform(-0.15 * span, spare + 0.15 * span)
    columns = material.first_column[clip] + begin
    steps = np.arange(-context, SEQUENCE * voice_net.STRIDE + context - 1)
    heard = _interpolated(material.mel, columns[:, None] + steps * pace[:, None])

    # Lips and sound agree to a frame or so at best.
    at = begin[:, None] + np.arange(SEQUENCE) * voice_net.STRIDE * pace[:, None]
    frame = (at + rng.uniform(-1.5, 1.5, (count, 1))) * (FPS / MEL_RATE) - material.lag[clip, None]
    last = material.frames[clip, None] - 1
    inside = (frame >= 0) & (frame <= last)
    inside &= (at >= HEARD_BEFORE) & (at + HEARD_AFTER <= material.columns[clip, None])
    places = material.first_frame[clip, None] + frame.clip(0, last)
    target = _interpolated(material.target.T, places)
    known = torch.from_numpy(inside[:, None].astype(np.float32))
    return Batch(augmented(heard.permute(1, 0, 2), rng), target.permute(1, 0, 2), known)


def _interpolated(values: Tensor, places: np.ndarray) -> Tensor:
    """`values` (c, T) read at `places` (n, t) between its columns: (c, n, t)."""
    below = np.floor(places).astype(np.int64).clip(0, values.shape[1] - 2)
    share = torch.from_numpy((places - below).clip(0, 1).astype(np.float32))
    index = torch.from_numpy(below)
    return values[:, index] * (1 - share) + values[:, index + 1] * share
