"""The memory of workers is read from the system, each kind of worker by its name."""

import subprocess
import sys

import psutil

from benchmarks import memory

PROGRAM = "held = bytearray(2**26); print(flush=True); input()"


def test_each_worker_is_told_by_its_name_with_the_most_it_held() -> None:
    command = [sys.executable, "-c", PROGRAM]
    with (
        subprocess.Popen([*command, "engine@here"], stdin=-1, stdout=-1) as engine,
        subprocess.Popen(command, stdin=-1, stdout=-1) as other,
    ):
        for process in (engine, other):
            assert process.stdout
            process.stdout.readline()
        found = dict(memory.of_workers(psutil.Process()))
        for process in (engine, other):
            process.communicate(b"\n")
    assert list(found) == ["engine"]
    assert 64 < found["engine"] < 96
