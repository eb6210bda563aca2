"""The downloader of weights that were asked for on the system page, one after the other.

It runs in the scheduler's process. A download whose process was killed is taken up when its lease
has expired, and continued where it stopped.
"""

import threading
import time

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from checkpoints.fetch import TIMEOUT, fetch
from jobs import errors, logs
from jobs.database import Database
from jobs.downloads import OPEN
from jobs.records import Download, new_id
from media.errors import NamedError

POLL_SECONDS = 1.0  # seconds between two queries
REPORT_SECONDS = 0.5  # seconds between two reports of progress
LEASE_SECONDS = 3 * TIMEOUT  # longer than a server may be silent


class DownloadCancelled(Exception):
    """The download was cancelled, or another run has taken over."""


class Downloader(threading.Thread):
    """A thread that downloads what is asked for until the process ends."""

    def __init__(self, database: Database) -> None:
        super().__init__(name="downloader", daemon=True)
        self._database = database
        self._stop_requested = threading.Event()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop_requested.set()

    def run(self) -> None:
        while not self._stop_requested.wait(POLL_SECONDS):
            try:
                download_next(self._database)
            except OperationalError as error:  # its lease expires, and it is begun again
                logs.log("downloader-waits", error=error.orig)


def download_next(database: Database) -> bool:
    """Fetch one checkpoint that is asked for; False if none is."""
    held = _claim(database)
    if held is None:
        return False
    try:
        fetch(held.name, _DownloadProgress(database, held))
    except DownloadCancelled:
        logs.log("fetch-stopped", checkpoint=held.name)
        return True
    except NamedError as error:
        _end(database, held, error)
    except Exception as error:
        logs.failure("fetch-error", checkpoint=held.name)
        _end(database, held, errors.from_os_error(error) or errors.internal_error())
    else:
        _end(database, held)
    return True


class _DownloadProgress:
    """Writes down from time to time how much has come, and renews the lease."""

    def __init__(self, database: Database, held: Download) -> None:
        self._database = database
        self._held = held
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        """Raises DownloadCancelled."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REPORT_SECONDS
        lease = time.time() + LEASE_SECONDS
        with self._database.write() as session:
            held = sa.update(Download).where(
                Download.name == self._held.name, Download.holder == self._held.holder
            )
            wanted = session.connection().execute(
                held.values(done=done, total=total, lease_until=lease)
            )
        if wanted.rowcount != 1:
            raise DownloadCancelled


def _claim(database: Database) -> Download | None:
    now = time.time()
    left_alone = sa.or_(Download.lease_until < now, Download.lease_until > now + 2 * LEASE_SECONDS)
    query = sa.select(Download).where(Download.state.in_(OPEN), left_alone).limit(1)
    with database.read() as session:
        if session.scalar(query) is None:
            return None
    with database.write() as session:
        row = session.scalar(query.with_for_update())
        if row is not None:
            row.state, row.holder, row.lease_until = "running", new_id(), now + LEASE_SECONDS
        return row


def _end(database: Database, held: Download, error: NamedError | None = None) -> None:
    with database.write() as session:
        row = session.get(Download, held.name, with_for_update=True)
        if row is None or row.holder != held.holder:
            return
        row.state = "failed" if error else "done"
        row.error = error.as_dict() if error else None
        row.holder = None
    logs.log(f"fetch-{row.state}", checkpoint=held.name, code=error and error.code)
