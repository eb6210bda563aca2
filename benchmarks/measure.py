"""Time and memory of a call and of a process, and the speed of this machine."""

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

# Of a probe of the machine's peak: enough for a median, short where the arithmetic is emulated.
PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class Cost:
    """What a piece of work costs."""

    seconds: float  # by the clock
    cpu: float  # seconds of processor time, of all threads
    memory: float  # MiB, the most that the process held


@dataclass(frozen=True)
class Row:
    """A line of the table; None where something was not measured."""

    work: str
    seconds: float | None = None
    cpu: float | None = None
    frames_per_second: float | None = None
    gflops: float | None = None  # GFLOP in a second of processor time
    fraction_of_peak: float | None = None
    memory: float | None = None  # MiB
    ratio: float | None = None  # time of the reference / ours, by the clock
    cpu_ratio: float | None = None  # the same in processor time
    note: str = ""


def measure_call(work: Callable[[], object], times: int = 1) -> Cost:
    """The cost of the fastest of several calls in this process."""
    costs = [_measure_once(work) for _ in range(times)]
    return min(costs, key=lambda cost: cost.seconds)


def measure_process(command: Sequence[str]) -> Cost:
    """The cost of a process from its start to its end; what it prints is thrown away.

    Raises RuntimeError if it fails.
    """
    began = time.perf_counter()
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawnp(command[0], list(command), os.environ, file_actions=silent)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def peak_memory(pid: int | str = "self") -> float:
    """The most memory that a process has held (VmHWM), in MiB. Raises FileNotFoundError."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    # A zombie process has no such line, and no memory.
    kilobytes = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(kilobytes[0]) / 1024 if kilobytes else 0.0


@cache
def peak_gflops(dtype: torch.dtype, device: str = "cpu") -> float:
    """The peak of this machine: GFLOP in a second of processor time, or of a GPU.

    It is the higher of what a wide convolution and a product of large matrices reach.
    """
    side, channels, pixels, pictures = (
        (2048, 512, 24, 4) if device == "cpu" else (8192, 512, 64, 64)
    )
    one, other = (torch.rand(side, side).to(device, dtype) for _ in range(2))
    shown = torch.rand(pictures, channels, pixels, pixels).to(device, dtype)
    shown = shown.contiguous(memory_format=torch.channels_last)
    kernel = torch.rand(channels, channels, 3, 3).to(device, dtype)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    # Matrix libraries do not optimize for all makes of processors alike.
    product = _gflops(lambda: torch.mm(one, other), 2 * side**3, device)
    points = pictures * pixels**2
    work = 2 * 9 * channels**2 * points
    return max(product, _gflops(lambda: conv2d(shown, kernel, padding=1), work, device))


def _gflops(work: Callable[[], object], operations: int, device: str) -> float:
    def finished() -> None:
        work()
        if device != "cpu":
            torch.accelerator.synchronize()

    costs: list[float] = []
    with torch.inference_mode():
        while len(costs) < 8 and sum(costs) < PROBE_SECONDS:
            cost = _measure_once(finished)
            costs.append(cost.cpu if device == "cpu" else cost.seconds)
    # The median: the clock of processor time is too coarse for the minimum.
    seconds = median(costs)
    return operations / seconds / 1e9


def count_gflop(work: Callable[[], object]) -> float:
    """The GFLOP (multiplications and additions) of networks that run in plain torch."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 1e9


def machine() -> dict[str, object]:
    """The machine on which a report was measured, as JSON values."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "fp32 GFLOP/s a core": round(peak_gflops(torch.float32)),
        "bf16 GFLOP/s a core": round(peak_gflops(torch.bfloat16)),
        "GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def _measure_once(work: Callable[[], object]) -> Cost:
    # Writing 5 resets VmHWM, see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    began, busy = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - began, time.process_time() - busy, peak_memory())
