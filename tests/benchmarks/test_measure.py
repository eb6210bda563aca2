"""The measuring itself: memory, processors at work, arithmetic, and the table."""

import sys

import pytest
import torch

from benchmarks.__main__ import table
from benchmarks.jobs import worker_environment
from benchmarks.measure import Row, gflop, of_call, of_process


def test_a_call_costs_the_memory_it_held() -> None:
    idle = of_call(lambda: None)
    full = of_call(lambda: bytearray(b"x") * 200_000_000)
    assert full.memory > idle.memory + 150
    assert full.cpu > 0


def test_a_process_is_measured_from_outside() -> None:
    cost = of_process([sys.executable, "-c", "b'x' * 100_000_000"])
    assert cost.memory > 95
    assert cost.seconds > 0


def test_a_process_that_fails_gives_no_figure() -> None:
    with pytest.raises(RuntimeError, match="failed"):
        of_process([sys.executable, "-c", "raise SystemExit(3)"])


def test_arithmetic_is_counted() -> None:
    convolution = torch.nn.Conv2d(8, 16, 3, padding=1)
    counted = gflop(lambda: convolution(torch.zeros(2, 8, 10, 10)))
    assert counted == pytest.approx(2 * 2 * 10 * 10 * 16 * 8 * 9 / 1e9)


def test_jobs_run_with_the_settings_of_the_engine_worker() -> None:
    assert set(worker_environment()) >= {"MALLOC_MMAP_THRESHOLD_", "OMP_WAIT_POLICY"}


def test_the_table_leaves_open_what_was_not_measured() -> None:
    _, line = table([Row("draw", seconds=2.0, frames_per_second=12.5, ratio=8.04)])
    assert line.split() == ["draw", "2.000", "12.5", "8.0x"]
