"""Who computes on how many cores."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from rendering import threads


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_all_cores_are_used_unless_a_number_of_threads_is_asked_for() -> None:
    here = len(os.sched_getaffinity(0))
    threads.use_threads(here + 1)
    assert torch.get_num_threads() == here + 1
    threads.use_threads()
    assert torch.get_num_threads() == here


def threads_of_torch(begin: object = None) -> int:
    """In a thread that is new, and that calls `begin` first."""
    with ThreadPoolExecutor(1, initializer=begin) as pool:  # type: ignore[arg-type]
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.parametrize(
    ("device", "here", "drawing", "each"),
    [
        ("cpu", 6, 2, 3),
        ("cpu", 3, 2, 2),
        ("cpu", 1, 1, 1),
        ("cuda", 6, 1, 6),
    ],
)
def test_a_processor_is_halved(device: str, here: int, drawing: int, each: int) -> None:
    torch.set_num_threads(here)
    with threads.split_cores(device) as (count, begin):
        assert count == drawing
        assert threads_of_torch(begin) == each
    assert torch.get_num_threads() == here


def test_threads_that_begin_afterwards_have_all_cores_again() -> None:
    torch.set_num_threads(4)

    def failing() -> None:
        with threads.split_cores("cpu") as (_, begin):
            threads_of_torch(begin)
            raise ValueError("cancelled")

    with pytest.raises(ValueError, match="cancelled"):
        failing()

    def multiplied() -> int:
        _ = torch.rand(2, 2) @ torch.rand(2, 2)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(multiplied).result() == 4
