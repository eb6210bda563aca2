"""How the networks share the processor's cores."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def use_all() -> None:
    """One engine process has the machine to itself, unless OMP_NUM_THREADS says how much of it.

    The cores it may use may be fewer than the machine's.
    """
    # torch's threads else spin while they wait for each other, on cores that decode and encode.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "OMP_NUM_THREADS" in os.environ:
        return
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))


@contextmanager
def halved(device: str) -> Iterator[tuple[int, Callable[[], None]]]:
    """How many threads draw beside each other, and what each of them has to call first.

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
