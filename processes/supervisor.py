"""Keep processes alive: start again what ends, stop all together, leave nothing behind."""

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobs import logs

FIRST_DELAY = 0.5  # seconds before a process is started again; twice as long each time
LONGEST_DELAY = 30.0
STEADY = 10.0  # seconds after which a process counts as well
MOST_FAILURES = 8  # short lives in a row, ended by itself: it will not work the ninth time either
STOP_SECONDS = 10.0  # from the request to end to SIGKILL
_WATCHED = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass
class Service:
    """One process: how it is started, and how it has fared. Times are of `time.monotonic`."""

    name: str
    command: str
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    due: float = 0.0
    delay: float = FIRST_DELAY
    failures: int = 0


class Supervisor:
    """Runs shell commands that begin with `exec`, each in a process group of its own."""

    def __init__(
        self, commands: Mapping[str, str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._services = [Service(name, command) for name, command in commands.items()]
        self._environment = dict(environment)
        self._folder = folder

    def run(self, started: Callable[[], None]) -> str | None:
        """Until SIGINT or SIGTERM: None then, or the name of a process that cannot be kept alive.

        `started` is called once all have been started. Must be called in the main thread: the
        kernel ends the processes with the thread that started them.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            self._start_due()
            started()
            while True:
                heard = signal.sigtimedwait(_WATCHED, self._pause())
                if heard is not None and heard.si_signo != signal.SIGCHLD:
                    return None
                for service in self._services:
                    if not self._look_after(service):
                        return service.name
                self._start_due()
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start_due(self) -> None:
        now = time.monotonic()
        for service in self._services:
            if service.process is None and service.due <= now:
                service.began = now
                service.process = subprocess.Popen(  # noqa: S603 - the Procfile is ours
                    ["/bin/sh", "-c", service.command],
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,
                    preexec_fn=_in_the_child,
                )

    def _pause(self) -> float:
        """Seconds until something is due, or is to be looked at: SIGCHLD comes at once, but some
        other thread of this process may have taken it.
        """
        due = [service.due for service in self._services if service.process is None]
        return min(1.0, max(0.0, min(due, default=math.inf) - time.monotonic()))

    def _look_after(self, service: Service) -> bool:
        """Plan another start if it has ended; False if that is of no use."""
        if service.process is None or (status := service.process.poll()) is None:
            return True
        _signal_group(service.process, signal.SIGKILL)  # what it started must not hold its port
        service.process = None
        now = time.monotonic()
        if now - service.began >= STEADY:
            service.delay, service.failures = FIRST_DELAY, 0
        service.failures += status >= 0  # a negative one is a signal: killed, not at fault
        if status == os.EX_CONFIG or service.failures >= MOST_FAILURES:
            return False
        logs.log("process-ended", name=service.name, status=status, again_in=service.delay)
        service.due = now + service.delay
        service.delay = min(LONGEST_DELAY, 2 * service.delay)
        return True

    def _stop(self) -> None:
        """End all: politely, then, when time is over or a second signal comes, by force."""
        running = [each.process for each in self._services if each.process is not None]
        for process in running:
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _alive(running) and (left := deadline - time.monotonic()) > 0:
            heard = signal.sigtimedwait(_WATCHED, min(1.0, left))
            if heard is not None and heard.si_signo != signal.SIGCHLD:
                break
        for process in running:
            _signal_group(process, signal.SIGKILL)
            process.wait()


def _alive(processes: Iterable[subprocess.Popen[bytes]]) -> bool:
    return any(process.poll() is None for process in processes)


def _signal_group(process: subprocess.Popen[bytes], which: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(process.pid, which)


def _in_the_child() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    end_with_parent()


def end_with_parent() -> None:
    """Let the kernel end this process when its parent ends, even by SIGKILL: no port stays taken,
    and no child goes on alone, holding the device.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
