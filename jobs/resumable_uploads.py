"""Files that are sent in pieces: what has come stays, whatever happens to the connection.

How much of a file is here is the size of its partial file, and nothing else: that is true after any
restart, and it decides between two who send at once. Nobody holds anything while waiting for bytes,
so a connection that has died without a word keeps nobody from going on.
"""

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path

import sqlalchemy as sa

from jobs import disk_space, errors, limits, logs
from jobs.records import Transfer, Upload, new_id
from jobs.service import Jobs
from jobs.storage import ABANDONED_AFTER, fsync
from media.errors import MediaError

HOUR = 3600.0
FSYNC_EVERY = 16 * 1024**2  # bytes after which those that came are brought to the disk


class Transfers:
    """The transfers of an installation; their partial files lie on this machine."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._folder = jobs.settings.transfers_dir

    def begin(self, owner: str, size: int, told: str, client: str | None = None) -> Transfer:
        """Announce a file of `size` bytes; `told` is what is said of it, see `Transfer`.

        `client` is as in `Jobs.create_upload`.

        Raises NamedError `too-large`, `disk-full`, `too-much-stored`.
        """
        settings = self._jobs.settings
        if size > settings.max_upload_bytes:
            raise errors.too_large(settings.max_upload_bytes)
        self._require_room(size)
        transfer = Transfer(id=new_id(), owner=owner, client=client, bytes=size, told=told)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._jobs.database.write() as session:
            limits.check_bytes(session, owner, client, size, settings.bytes_per_client)
            session.add(transfer)
            self._path(transfer).touch(mode=0o600, exist_ok=False)
        fsync(self._folder)  # the name of the file too
        return transfer

    def get(self, transfer_id: str) -> Transfer:
        """Raises NamedError not-found."""
        with self._jobs.database.read() as session:
            if transfer := session.get(Transfer, transfer_id):
                return transfer
        raise errors.not_found("transfer")

    def expires(self, transfer: Transfer) -> float | None:
        """When it will be forgotten, in seconds since 1970; None for never."""
        hours = self._jobs.settings.unused_hours
        return transfer.created + hours * HOUR if hours else None

    def offset(self, transfer: Transfer) -> int:
        """How many bytes are safely here. Raises NamedError not-found."""
        if transfer.upload_id is not None:
            return transfer.bytes
        with self._open(transfer) as file:
            os.fsync(file.fileno())
            return _size(file)

    def append(self, transfer: Transfer, offset: int, blocks: Iterable[bytes]) -> int:
        """Add what comes to what is here, from byte `offset` on; the offset after it.

        Each block stays, whatever becomes of those after it. Raises NamedError `wrong-offset`
        unless exactly `offset` bytes are here, also when somebody else sends in the meantime;
        `too-large` beyond what was announced; `disk-full`, not-found.
        """
        if transfer.upload_id is not None:
            if offset != transfer.bytes:
                raise errors.wrong_offset(transfer.bytes)
            return offset
        with self._open(transfer) as file:
            if _size(file) != offset:
                raise errors.wrong_offset(_size(file))
            self._require_room(transfer.bytes - offset)
            position = synced = offset
            try:
                for block in blocks:
                    if position + len(block) > transfer.bytes:
                        raise errors.too_large(transfer.bytes)
                    _write(file, position, block)
                    position += len(block)
                    if position - synced >= FSYNC_EVERY:
                        os.fsync(file.fileno())
                        synced = position
            finally:
                os.fsync(file.fileno())
        return position

    def finish(self, transfer: Transfer, name: str) -> Upload:
        """Make an upload of a complete file; asked again, give the same upload again.

        Raises NamedError `not-complete`, not-found, and as `Jobs.create_upload`; a file that cannot
        be used is forgotten.
        """
        try:
            with self._path(transfer).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # of two at once the second waits for the first
                self._make_upload(self.get(transfer.id), name)
        except FileNotFoundError:
            logs.log("transfer-without-file", transfer=transfer.id)  # finished before, or ended
        with self._jobs.database.read() as session:
            made = sa.select(Upload).join(Transfer, Transfer.upload_id == Upload.id)
            if upload := session.scalar(made.where(Transfer.id == transfer.id)):
                return upload
        raise errors.not_found("transfer")

    def end(self, transfer: Transfer) -> None:
        """Forget a transfer; what it became stays."""
        with self._jobs.database.write() as session:
            session.execute(sa.delete(Transfer).where(Transfer.id == transfer.id))
        self._path(transfer).unlink(missing_ok=True)

    def clear(self, now: float) -> int:
        """Forget what is too old at the moment `now`, and partial files of nobody; how many."""
        files = self._files()
        with self._jobs.database.read() as session:
            known = list(session.scalars(sa.select(Transfer)))
        old = [each for each in known if (self.expires(each) or now) < now]
        for transfer in old:
            self.end(transfer)
        names = {transfer.id for transfer in known}
        # One that is new may belong to a transfer that is just being announced.
        orphans = [
            path
            for path, found in files.items()
            if path.name not in names and now - found.st_mtime > ABANDONED_AFTER
        ]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(old) + len(orphans)

    def _make_upload(self, transfer: Transfer, name: str) -> None:
        if transfer.upload_id is not None:
            return
        path = self._path(transfer)
        if (here := path.stat().st_size) < transfer.bytes:
            raise errors.not_complete(here, transfer.bytes)
        try:
            self._jobs.create_upload(
                transfer.owner, path, name, transfer=transfer, client=transfer.client
            )
        except MediaError:
            self.end(transfer)
            raise
        path.unlink(missing_ok=True)

    def _open(self, transfer: Transfer) -> FileIO:
        try:
            return self._path(transfer).open("r+b", buffering=0)
        except FileNotFoundError:
            raise errors.not_found("transfer") from None

    def _path(self, transfer: Transfer) -> Path:
        return self._folder / transfer.id

    def _files(self) -> dict[Path, os.stat_result]:
        """All partial files; one that goes at this moment is left out."""
        found = {}
        for path in self._folder.glob("*"):
            with suppress(FileNotFoundError):
                found[path] = path.stat()
        return found

    def _require_room(self, more: int) -> None:
        settings = self._jobs.settings
        partial = sum(found.st_size for found in self._files().values())
        disk_space.require_for_upload(settings, self._jobs.database, more, partial)


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _write(file: FileIO, position: int, block: bytes) -> None:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        if _size(file) != position:
            raise errors.wrong_offset(_size(file))
        rest = memoryview(block)
        while rest:
            written = os.pwrite(file.fileno(), rest, position)
            rest, position = rest[written:], position + written
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
