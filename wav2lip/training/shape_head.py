"""The head on the teacher: mouth shapes from its features, learned from clips.

It tells the mouth from sound better than a network on the mel can learn to from the clips alone,
and labels speech that no mouth was filmed for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.compact import mouth_shape
from wav2lip.training import teacher
from wav2lip.training.batches import BatchSampler, TensorBatch

SEQUENCE = 120  # outputs, 40 a second
WIDTH, KERNEL, DROPOUT = 96, 5, 0.3
NOISE = 0.1  # added to the features, in standard deviations


@dataclass(frozen=True)
class Normalization:
    """Mean and standard deviation of each feature, (384,) float32."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """That of features (n, 384)."""
        values = features.astype(np.float32)
        return cls(values.mean(0), values.std(0).clip(1e-3))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.deviation


class ShapeHead(nn.Module):
    """Normalized features (b, 384, n), 40 a second -> deviations of the mouth shape (b, 8, n)."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Conv1d(teacher.WIDTH, WIDTH, 1)
        self.time = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(WIDTH),
                nn.SiLU(),
                nn.Dropout(DROPOUT),
                nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=2 * dilation, dilation=dilation),
            )
            for dilation in (1, 2)
        )
        self.output = nn.Sequential(
            nn.BatchNorm1d(WIDTH), nn.SiLU(), nn.Conv1d(WIDTH, mouth_shape.COUNT, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        x = self.project(functional.dropout(features, DROPOUT, self.training))
        for block in self.time:
            x = x + block(x)
        return self.output(x)


def predict(heads: Sequence[nn.Module], features: np.ndarray) -> np.ndarray:
    """The mean of what heads in evaluation mode say of features (n, 384): (n, 8) float32."""
    given = torch.from_numpy(features.T[None].astype(np.float32))
    with torch.inference_mode():
        return torch.stack([head(given)[0] for head in heads]).mean(0).T.numpy()


@dataclass(frozen=True)
class Labelled:
    """A recording of a person: features (n, 384), target (n, 8), known (n,), 40 a second."""

    person: str
    features: np.ndarray
    target: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class HeadBatch(TensorBatch):
    """Features (b, 384, SEQUENCE), target (b, 8, SEQUENCE), known (b, 1, SEQUENCE)."""

    features: Tensor
    target: Tensor
    known: Tensor


@dataclass(frozen=True)
class HeadSampler(BatchSampler[HeadBatch]):
    """`count` stretches from anywhere in the recordings."""

    recordings: Sequence[Labelled]
    count: int

    def sample(self, step: int, rng: np.random.Generator) -> HeadBatch:
        chance = person_weights([(each.person, each.known.sum()) for each in self.recordings])
        rows = [
            _stretch(self.recordings[i], rng)
            for i in rng.choice(len(chance), self.count, p=chance / chance.sum())
        ]
        features, target, known = (np.stack(part) for part in zip(*rows, strict=True))
        features += NOISE * rng.standard_normal(features.shape, np.float32)
        return HeadBatch(
            torch.from_numpy(features).mT,
            torch.from_numpy(target).mT,
            torch.from_numpy(known)[:, None],
        )


def person_weights(frames: Sequence[tuple[str, float]]) -> np.ndarray:
    """The chance of each (person, frames) to be drawn: a person's grows with the square root."""
    total: dict[str, float] = {}
    for person, count in frames:
        total[person] = total.get(person, 0.0) + count
    return np.array([count / max(total[person], 1.0) ** 0.5 for person, count in frames])


def _stretch(recording: Labelled, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    spare = max(len(recording.known) - SEQUENCE, 0)
    first = int(rng.integers(spare + 1))
    parts = (recording.features, recording.target, recording.known)
    return tuple(_padded(part[first : first + SEQUENCE]) for part in parts)


def _padded(values: np.ndarray) -> np.ndarray:
    missing = ((0, SEQUENCE - len(values)), *[(0, 0)] * (values.ndim - 1))
    return np.pad(values.astype(np.float32), missing)


def as_heads(states: Sequence[Mapping[str, Any]]) -> list[nn.Module]:
    """Heads in evaluation mode from their state dicts."""
    heads: list[nn.Module] = []
    for weights in states:
        head = ShapeHead()
        head.load_state_dict(dict(weights))
        heads.append(head.eval())
    return heads
