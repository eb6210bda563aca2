"""The measuring itself: memory, processors at work, arithmetic, and the table."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

import benchmarks
from benchmarks.__main__ import markdown, table
from benchmarks.jobs import worker_environment
from benchmarks.measure import Row, count_gflop, measure_process

ROOT = Path(benchmarks.__file__).parent.parent


# In a process of its own: one that has run other tests holds memory that it can use again.
TWO_CALLS = """
from benchmarks.measure import measure_call
idle = measure_call(lambda: None)
full = measure_call(lambda: bytearray(b"x") * 200_000_000)
print(full.memory - idle.memory, full.cpu)
"""


def test_a_call_costs_the_memory_it_held() -> None:
    told = subprocess.run(
        [sys.executable, "-c", TWO_CALLS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    memory, busy = map(float, told.stdout.split())
    assert memory == pytest.approx(200e6 / 2**20, rel=0.1)
    assert busy > 0


def test_a_process_is_measured_from_outside() -> None:
    cost = measure_process([sys.executable, "-c", "b'x' * 100_000_000"])
    assert cost.memory > 95
    assert cost.seconds > 0


def test_a_process_that_fails_gives_no_figure() -> None:
    with pytest.raises(RuntimeError, match="failed"):
        measure_process([sys.executable, "-c", "raise SystemExit(3)"])


def test_arithmetic_is_counted() -> None:
    convolution = torch.nn.Conv2d(8, 16, 3, padding=1)
    counted = count_gflop(lambda: convolution(torch.zeros(2, 8, 10, 10)))
    assert counted == pytest.approx(2 * 2 * 10 * 10 * 16 * 8 * 9 / 1e9)


def test_jobs_run_with_the_settings_of_the_engine_worker() -> None:
    assert set(worker_environment()) >= {"MALLOC_MMAP_THRESHOLD_", "OMP_WAIT_POLICY"}


def test_the_table_leaves_open_what_was_not_measured() -> None:
    _, line = table([Row("draw", seconds=2.0, frames_per_second=12.5, ratio=8.04)])
    assert line.split() == ["draw", "2.000", "12.5", "8.0x"]


def test_the_table_of_a_document_is_made_of_the_json() -> None:
    rows = [
        Row("draw", 2.0, 3.5, gflops=380.4, fraction_of_peak=0.951, memory=512.3, cpu_ratio=8.04),
        Row("boxes", note="mean 0.2 %"),
    ]
    _, _, first, second = markdown({"rows": [asdict(row) for row in rows]})
    assert first == "| draw | 2.00 | 3.50 | 380 (95%) | 512 MiB | 8.0x |"
    assert second == "| boxes |  |  |  |  | mean 0.2 % |"
