"""How long something takes, and how much memory: of a call, of a process, of this machine."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
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
    """GFLOP in a second when two large matrices multiply: of a processor at work, or of a GPU."""
    side = 2048 if device == "cpu" else 8192
    one, other = (torch.rand(side, side).to(device, dtype) for _ in range(2))

    def multiply() -> None:
        torch.mm(one, other)
        if device != "cpu":
            torch.accelerator.synchronize()

    costs = [_of_one_call(multiply) for _ in range(12)]
    quickest = min(cost.cpu if device == "cpu" else cost.seconds for cost in costs)
    return 2 * side**3 / quickest / 1e9


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
