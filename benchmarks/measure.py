"""How long something takes, and how much memory: of a call, of a process, of this machine."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, seconds of processors at work, and the most memory, in MiB."""

    seconds: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Row:
    """A line of the table; `ratio` is how many times longer the reference takes."""

    work: str
    seconds: float | None = None
    cpu: float | None = None
    frames_per_second: float | None = None
    gflops: float | None = None  # GFLOP in a second of a processor at work
    share_of_peak: float | None = None
    memory: float | None = None  # MiB
    ratio: float | None = None
    cpu_ratio: float | None = None
    note: str = ""


def of_call(work: Callable[[], object], times: int = 1) -> Cost:
    """The quickest of several runs in this process."""
    costs = [_of_one_call(work) for _ in range(times)]
    return min(costs, key=lambda cost: cost.seconds)


def of_process(command: Sequence[str]) -> Cost:
    """A whole process, from its start to its end. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], list(command), os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def most_memory(pid: int | str = "self") -> float:
    """The most memory that a process has held so far, in MiB. Raises FileNotFoundError."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    # A process that has ended, and that nobody has asked about yet, holds none.
    kilobytes = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kilobytes[0]) / 1024 if kilobytes else 0.0


@cache
def peak(dtype: torch.dtype, device: str = "cpu") -> float:
    """GFLOP in a second, of a processor at work or of a GPU: as a wide convolution or the product
    of two large matrices gets it, whichever gets more.
    """
    side, channels, pixels, pictures = (
        (2048, 512, 24, 16) if device == "cpu" else (8192, 512, 64, 64)
    )
    one, other = (torch.rand(side, side).to(device, dtype) for _ in range(2))
    shown = torch.rand(pictures, channels, pixels, pixels).to(device, dtype)
    shown = shown.contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(channels, channels, 3, 3).to(device, dtype)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    # The libraries for matrices do not treat all makes of processors alike.
    product = _gflops(lambda: torch.mm(one, other), 2 * side**3, device)
    points = pictures * pixels**2
    work = 2 * 9 * channels**2 * points
    return max(product, _gflops(lambda: conv2d(shown, kernel, padding=1), work, device))


def _gflops(work: Callable[[], object], operations: int, device: str) -> float:
    def finished() -> None:
        work()
        if device != "cpu":
            torch.accelerator.synchronize()

    with torch.inference_mode():
        costs = [_of_one_call(finished) for _ in range(8)]
    # The middle one: the clock of processors at work is too coarse for the quickest.
    seconds = median(cost.cpu if device == "cpu" else cost.seconds for cost in costs)
    return operations / seconds / 1e9


def gflop(work: Callable[[], object]) -> float:
    """The multiplications and additions of networks that run in plain torch."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "fp32 GFLOP/s a core": round(peak(torch.float32)),
        "bf16 GFLOP/s a core": round(peak(torch.bfloat16)),
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def _of_one_call(work: Callable[[], object]) -> Cost:
    # Linux forgets the most memory so far when told so; from here on it counts anew.
    Path("/proc/self/clear_refs").write_text("5")
    began, busy = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - began, time.process_time() - busy, most_memory())
