"""The real thing for tests: an embedded Redis and workers as processes of their own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.service import Jobs
from jobs.settings import from_environment
from processes.serve import PROCFILE, processes

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 240  # seconds, on a busy machine, until what does not come true is a failure


class Stack:
    """The processes of the Procfile, each to be started and killed by name."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, **environment}
        self.jobs = Jobs(from_environment(self.environment))
        self.jobs.database.migrate()
        self.log = log
        self._commands = processes(PROCFILE)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names:
            with self.log.open("ab") as log:
                self._running[name] = subprocess.Popen(
                    ["sh", "-c", self._commands[name]],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str) -> None:
        """SIGKILL, as the kernel does it when memory is short."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def kill_child(self, name: str) -> None:
        """SIGKILL what works for a worker; the worker itself lives on."""
        for child in psutil.Process(self._running[name].pid).children():
            child.kill()

    def stop(self) -> None:
        running, self._running = self._running, {}
        for process in running.values():
            os.killpg(process.pid, signal.SIGTERM)
        for process in running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition; a failure tells what the processes said."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}\n{self.log.read_text()[-6000:]}")
            threading.Event().wait(0.05)

    def until_state(self, job_id: str, *states: str) -> None:
        self.until(f"{job_id} {states}", lambda: self.jobs.job(job_id).state in states)


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Start chosen processes on a folder of their own; they end with the test."""
    stacks: list[Stack] = []

    def start(*names: str, **environment: str) -> Stack:
        own = {"VAR_DIR": str(tmp_path / "var"), "LEASE_SECONDS": "3", "SWEEP_SECONDS": "1"}
        stacks.append(Stack({**own, **environment}, tmp_path / "log"))
        stacks[-1].start(*names)
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All processes that make videos, started once for the tests of a file that hurt none."""
    folder = tmp_path_factory.mktemp("stack")
    own = {"VAR_DIR": str(folder / "var"), "SWEEP_SECONDS": "1", "SEGMENT_SECONDS": "0.4"}
    stack = Stack(own, folder / "log")
    stack.start("redis", "light", "engine", "beat")
    yield stack
    stack.stop()
