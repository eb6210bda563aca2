"""Mini-batches: that of a step depends on the seed and the step alone, in whichever process."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class Batch(Protocol):
    """What a step learns from: moved to a device as a whole."""

    def to(self, device: str) -> Any: ...


@dataclass(frozen=True)
class TensorBatch:
    """A mini-batch of nothing but tensors."""

    def to(self, device: str) -> Self:
        """The same batch with all its tensors on `device`."""
        return type(self)(*(value.to(device) for value in vars(self).values()))


B = TypeVar("B", bound=Batch)


@dataclass(frozen=True)
class BatchSampler(ABC, Dataset, Generic[B]):
    """Random mini-batches, by step: sampler[step].

    Processes that make batches ahead are given the sampler, so it must be picklable.
    """

    seed: int

    def __getitem__(self, step: int) -> B:
        """The mini-batch of a step. Seeds torch, too: some augmentations draw from it."""
        seed_torch(self.seed, step)
        return self.sample(step, step_rng(self.seed, step))

    @abstractmethod
    def sample(self, step: int, rng: np.random.Generator) -> B:
        """A mini-batch made of random numbers of `rng` and of torch."""

    def first(self, count: int, device: str) -> list[B]:
        """The mini-batches of the first `count` steps, on `device`: to validate on."""
        return [self[step].to(device) for step in range(count)]


def batches(sampler: BatchSampler[B], steps: range, workers: int) -> Iterator[B]:
    """The mini-batches of `steps` in turn, made ahead by `workers` processes (0: in this one)."""
    loader = DataLoader(
        sampler,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        # A forked child would inherit locks of torch's threads, held for ever.
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loader)


def step_rng(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step of a run."""
    return np.random.default_rng((seed, step))


def seed_torch(seed: int, step: int) -> None:
    """Seed torch's random numbers (initial weights, dropout, noise) for one step of a run."""
    torch.manual_seed(seed * 1_000_003 + step)
