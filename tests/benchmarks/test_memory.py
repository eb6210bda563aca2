"""The memory of workers is read from the system, each kind of worker by its name."""

import subprocess
import sys

import psutil

from benchmarks import memory

PROGRAM = "held = bytearray(2**26); print(flush=True); input()"


def test_a_worker_is_told_by_its_name_with_the_most_it_held() -> None:
    command = [sys.executable, "-c", PROGRAM, "patient@here"]
    with subprocess.Popen(command, stdin=-1, stdout=-1) as worker:
        assert worker.stdout
        worker.stdout.readline()
        # Workers of other tests may be among the children of this process.
        found = dict(memory.of_workers(psutil.Process()))
        worker.communicate(b"\n")
    assert 64 < found["patient"] < 96
