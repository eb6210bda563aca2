"""The device that networks run on, in words; nothing is loaded to find it out."""

import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")


def device(precision: str) -> str:
    """Such as "AMD EPYC 9655, 8 threads, bfloat16" or "NVIDIA H200, float16".

    The precision follows once an engine is loaded; "auto" is the fastest there is. "int8" follows
    where the paper's generator may be quantized: the other networks are not.
    """
    models = sys.modules.get("rendering.models")
    if models and models.engine_loaded():
        return _known(precision)
    return (_expected_gpu() if _has_cuda() else None) or _cpu()


def _known(precision: str) -> str:
    import torch

    from wav2lip.inference import best_device, uses_int8, working_dtype

    where = best_device()
    name = torch.cuda.get_device_name() if where == "cuda" else _cpu() if where == "cpu" else where
    numbers = str(working_dtype(where, precision)).removeprefix("torch.")
    return f"{name}, {numbers}" + (", int8" if uses_int8(where, precision) else "")


def _cpu() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{_cpu_name()}, {cores} thread{'s' if cores > 1 else ''}"


def _cpu_name() -> str:
    text = _CPU.read_text() if _CPU.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _has_cuda() -> bool:
    return "+cpu" not in version("torch")


def _expected_gpu() -> str | None:
    """The first one that NVIDIA's driver tells of."""
    for facts in sorted(_GPUS.glob("*/information")):
        if found := re.search(r"^Model:\s*(.+)$", facts.read_text(), re.MULTILINE):
            return found[1].strip()
    return None
