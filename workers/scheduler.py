"""What is done again and again: lost work is looked for, and what is not needed any more removed.

The times between are measured by a clock that nobody sets.
"""

import threading
import time
from collections.abc import Callable

from jobs import logs, retention
from jobs.service import Jobs
from workers import steps


class Clock(threading.Thread):
    """Sweeps and tidies until the process ends."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(name="clock", daemon=True)
        self._jobs = jobs
        self._over = threading.Event()

    def stop(self) -> None:
        """Begin nothing more."""
        self._over.set()

    def run(self) -> None:
        settings = self._jobs.settings
        tidied = time.monotonic()
        while not self._over.wait(settings.sweep_seconds):
            self._try("sweep", steps.sweep)
            if time.monotonic() - tidied >= settings.tidy_seconds:
                self._try("tidy", retention.tidy)
                tidied = time.monotonic()

    def _try(self, name: str, act: Callable[[Jobs], object]) -> None:
        try:
            act(self._jobs)
        except Exception:  # whatever it was, the next time may be better, and others need us
            logs.failure("clock-error", act=name)
