"""The scheduler: sweeps for lost work, and removes old files, at regular intervals.

The intervals are measured by the monotonic clock, which nobody can set.
"""

import threading
import time
from collections.abc import Callable

from jobs import logs, retention
from jobs.service import Jobs
from workers import steps


class Scheduler(threading.Thread):
    """A thread that sweeps and tidies until the process ends."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(name="scheduler", daemon=True)
        self._jobs = jobs
        self._stop_requested = threading.Event()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop_requested.set()

    def run(self) -> None:
        settings = self._jobs.settings
        tidied = time.monotonic()
        while not self._stop_requested.wait(settings.sweep_seconds):
            self._call("sweep", steps.sweep)
            self._call("delete-discarded", retention.delete_discarded)
            if time.monotonic() - tidied >= settings.tidy_seconds:
                self._call("tidy", retention.tidy)
                tidied = time.monotonic()

    def _call(self, name: str, act: Callable[[Jobs], object]) -> None:
        try:
            act(self._jobs)
        except Exception:  # the next run may succeed, and the other task must go on
            logs.failure("scheduler-error", act=name)
