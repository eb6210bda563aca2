"""How the networks share the processor's cores."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def use_threads(count: int | None = None) -> None:
    """Let networks compute in `count` threads; None: one for each core this process may use."""
    import torch

    torch.set_num_threads(count or len(os.sched_getaffinity(0)))


@contextmanager
def split_cores(device: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """How many threads render at the same time, and what each of them has to call first.

    On a processor two, each with half of the cores: threads that share a layer of a network wait
    for each other at its end, and each of them for everything else that runs.
    """
    import torch

    all_cores = torch.get_num_threads()
    threads = 2 if device == "cpu" and all_cores > 1 else 1
    try:
        yield threads, lambda: torch.set_num_threads(-(-all_cores // threads))
    finally:
        torch.set_num_threads(all_cores)  # threads that are yet to begin have what was set last
