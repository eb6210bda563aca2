"""The whole program under its own supervision, and ways to hurt it."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import requests

from jobs.service import Jobs
from jobs.settings import from_environment

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0  # seconds, on a busy machine, until what does not come true is a failure

# What tells each process by its command line.
MARKS = {
    "redis": "redis-server",
    "web": "gunicorn",
    "light": "light@",
    "engine": "engine@",
    "beat": "beat@",
}
# Those of which a child does the work, which may be killed alone.
PARENTS = ("web", "light", "engine")
VICTIMS = (*MARKS, *(f"{name}-child" for name in PARENTS))


class Program:
    """`mouth serve` on a folder of its own, set to notice faults soon."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        own = {
            "VAR_DIR": str(folder / "var"),
            "PORT": str(self.port),
            "SEGMENT_SECONDS": "0.2",
            "LEASE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "OPEN_JOBS_PER_CLIENT": "0",
            "UPLOADS_PER_HOUR": "0",
        }
        self.environment = {**os.environ, **own, **environment}
        self.jobs = Jobs(from_environment(self.environment))
        self.jobs.database.migrate()
        self.log = folder / "log"
        self.visitor = requests.Session()
        self._serve: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._serve = subprocess.Popen(
                [sys.executable, "-m", "cli", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until("the program to be ready", self.is_ready)

    def stop(self) -> None:
        """End it as Ctrl-C does; nothing of it may be left."""
        if self._serve is None:
            return
        family = self.family()
        self._serve.send_signal(signal.SIGINT)
        self._serve.wait(60)
        self._serve = None
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not alive, alive

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.address}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def family(self) -> list[psutil.Process]:
        assert self._serve is not None
        return psutil.Process(self._serve.pid).children(recursive=True)

    def find(self, victim: str) -> psutil.Process | None:
        """A process by its name in the Procfile, or a child of it; None if it is not alive now."""
        name = victim.removesuffix("-child")
        assert self._serve is not None
        for process in psutil.Process(self._serve.pid).children():
            try:
                if MARKS[name] not in " ".join(process.cmdline()):
                    continue
                if victim == name:
                    return process
                return random.choice(process.children() or [None])
            except psutil.NoSuchProcess:
                continue
        return None

    def kill(self, victim: str) -> bool:
        """SIGKILL; False if there was nobody to kill."""
        process = self.find(victim)
        if process is None:
            return False
        try:
            process.kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def kill_all(self) -> None:
        """SIGKILL the supervisor, with whom all must end, and start anew."""
        assert self._serve is not None
        family = self.family()
        self._serve.kill()
        self._serve.wait()
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not alive, alive
        self.start()

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition; a failure tells what the program said."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            said = self.log.read_text()[-8000:] if self.log.exists() else ""
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{said}"
            pause(0.1)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
