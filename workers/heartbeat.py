"""The heartbeat of each process that works, in the database, where others can see it.

It is the process that works, never the one that starts it: a child that is forked while a thread
of its parent writes to SQLite believes for ever that the database is locked.
"""

import os
import socket
import threading
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError

from jobs import logs
from jobs.database import Database, insert
from jobs.queue import ENGINE
from jobs.records import Worker
from rendering.device import device

INTERVAL_SECONDS = 5.0


class Heartbeat(threading.Thread):
    """A thread that beats until the process ends; `part` is its name in the Procfile."""

    def __init__(self, database: Database, part: str, precision: str) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._database = database
        self._part = part
        self._precision = precision
        self._name = f"{part}@{socket.gethostname()}:{os.getpid()}"
        self._stop_requested = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self.beat()
            except OperationalError as error:
                logs.log("heartbeat-not-heard", error=error.orig)
            if self._stop_requested.wait(INTERVAL_SECONDS):
                return

    def stop(self) -> None:
        """Beat no more."""
        self._stop_requested.set()
        self.join()

    def beat(self) -> None:
        """Write down that this process lives, what memory it holds, and what it computes on."""
        where = device(self._precision) if self._part == ENGINE else None
        facts = {
            "part": self._part,
            "seen": time.time(),
            "memory": resident_memory(),
            "device": where,
        }
        with self._database.write() as session:
            row = insert(session, Worker).values(name=self._name, **facts)
            session.execute(row.on_conflict_do_update(index_elements=[Worker.name], set_=facts))


def resident_memory() -> int:
    """Bytes of memory that this process holds; 0 where that is not told."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except FileNotFoundError:  # this is not Linux
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
