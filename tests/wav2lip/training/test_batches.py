"""Mini-batches come from the seed and the step alone."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wav2lip.training.batches import BatchSampler, TensorBatch, batches


@dataclass(frozen=True)
class Noise(TensorBatch):
    step: Tensor
    numpy: Tensor
    torch: Tensor


class NoiseSampler(BatchSampler[Noise]):
    def sample(self, step: int, rng: np.random.Generator) -> Noise:
        return Noise(torch.tensor(step), torch.from_numpy(rng.normal(size=3)), torch.randn(3))


def same(one: Noise, two: Noise) -> bool:
    return torch.equal(one.numpy, two.numpy) and torch.equal(one.torch, two.torch)


def test_a_step_has_one_mini_batch_whatever_came_before() -> None:
    sampler = NoiseSampler(3)
    fourth = sampler[4]
    torch.randn(5)
    assert same(sampler[4], fourth)
    assert same(NoiseSampler(3)[4], fourth)


def test_other_steps_and_other_seeds_have_others() -> None:
    fourth = NoiseSampler(3)[4]
    for other in (NoiseSampler(3)[5], NoiseSampler(4)[4]):
        assert not torch.equal(other.numpy, fourth.numpy)
        assert not torch.equal(other.torch, fourth.torch)


def test_steps_come_in_turn_from_where_a_run_stands() -> None:
    sampler = NoiseSampler(3)
    made = list(batches(sampler, range(5, 8), workers=0))
    assert [batch.step.item() for batch in made] == [5, 6, 7]
    assert same(made[1], sampler[6])


def test_what_is_validated_on_stays_the_same() -> None:
    first, again = (NoiseSampler(3).first(2, "cpu") for _ in range(2))
    assert len(first) == 2
    assert all(same(one, two) for one, two in zip(first, again, strict=True))
    assert not same(*first)


def test_a_batch_moves_as_a_whole() -> None:
    moved = NoiseSampler(3)[0].to("meta")
    assert isinstance(moved, Noise)
    assert {value.device.type for value in vars(moved).values()} == {"meta"}
