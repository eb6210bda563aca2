"""Files under keys, in a folder or in anything that fsspec reaches.

uploads/<aa>/<sha256>      what was sent, once however often it is sent
detections/...             the cache of face_detection, by content
jobs/<id>/...              all that is derived for one job: goes with it
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from media.probe import content_hash

MIN_SCRATCH_AGE = 60.0  # seconds: a folder may exist for a moment before its maker holds it
# Seconds without a write: no upload is that slow, and no clock is set that far.
ABANDONED_AFTER = 6 * 3600.0


@dataclass(frozen=True)
class StoredFile:
    """A file under a key; `modified` is in seconds since 1970."""

    key: str
    bytes: int
    modified: float


class Storage:
    """A place for files. Whatever appears under a key is complete: half a file is never seen."""

    def __init__(self, url: str, work_dir: Path) -> None:
        self.url = url.rstrip("/")
        self.work_dir = work_dir
        self.files, self.root = fsspec.core.url_to_fs(self.url)
        self.is_local = isinstance(self.files, LocalFileSystem)

    def address(self, key: str) -> str:
        """The fsspec address of a key."""
        return f"{self.url}/{key}"

    def put_file(self, path: Path) -> str:
        """Store a file by its content and give its key; known content is not stored again.

        The file at `path` is used up.
        """
        digest = content_hash(path)
        key = f"uploads/{digest[:2]}/{digest}"
        if self.exists(key):
            path.unlink()
        else:
            self.put_at(key, path)
        return key

    def put_at(self, key: str, path: Path) -> None:
        """Move the file at `path` under `key`, replacing what was there in one instant."""
        if not self.is_local:
            self.files.put_file(str(path), self._path(key))  # object stores show whole objects only
            path.unlink()
            return
        target = Path(self._path(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_dev != target.parent.stat().st_dev:
            draft = target.with_name(f".{uuid.uuid4().hex}.part")
            path = Path(shutil.move(path, draft))
        fsync(path)
        os.replace(path, target)  # noqa: PTH105 - the atomic one, by its POSIX name

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """A path on this machine with the file's bytes; the file itself when it is here."""
        if self.is_local:
            path = Path(self._path(key))
            if not path.exists():
                raise FileNotFoundError(path)
            yield path
            return
        with self.scratch() as folder:
            path = folder / Path(key).name
            self.files.get_file(self._path(key), str(path))
            yield path

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder for half-made files, removed at the end with all that is left in it.

        It is locked as long as this process lives, so that `clear_scratch` knows.
        """
        folder = self.work_dir / uuid.uuid4().hex
        folder.mkdir(parents=True)
        lock = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems lock no folders: age decides there
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    def clear_scratch(self, now: float) -> int:
        """Remove what killed processes left in the work folder; how many folders and files.

        Folders that nobody holds go once they are a minute old at the moment `now`, in seconds
        since 1970; files of uploads that broke off when nothing was written for hours.
        """
        if not self.work_dir.exists():
            return 0
        return sum(_remove_abandoned(path, now) for path in self.work_dir.iterdir())

    def open(self, key: str) -> IO[bytes]:
        """The file, opened for reading bytes from any position."""
        return self.files.open(self._path(key), "rb")

    def size(self, key: str) -> int:
        return int(self.files.size(self._path(key)))

    def exists(self, key: str) -> bool:
        return bool(self.files.exists(self._path(key)))

    def delete(self, key: str) -> None:
        """Remove a file; it may be gone already."""
        if self.exists(key):
            self.files.rm_file(self._path(key))

    def delete_folder(self, prefix: str) -> None:
        """Remove everything under `prefix`; it may be gone already."""
        if self.is_local:
            shutil.rmtree(self._path(prefix), ignore_errors=True)
        elif self.files.exists(self._path(prefix)):
            self.files.rm(self._path(prefix), recursive=True)

    def find(self) -> Iterator[StoredFile]:
        """Every file that is stored."""
        found = self.files.find(self.root, detail=True) if self.files.exists(self.root) else {}
        for path, info in found.items():
            yield StoredFile(path[len(self.root) + 1 :], int(info["size"]), _modified(info))

    def names(self, prefix: str) -> set[str]:
        """What is directly under `prefix`."""
        path = self._path(prefix)
        if not self.files.exists(path):
            return set()
        return {name.rstrip("/").rpartition("/")[2] for name in self.files.ls(path, detail=False)}

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"


def fsync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _modified(info: Mapping[str, Any]) -> float:
    """Of what fsspec tells of a file: each kind of storage has another name for it."""
    told = next(info[name] for name in ("mtime", "LastModified", "created") if name in info)
    return float(told.timestamp() if hasattr(told, "timestamp") else told)


def _remove_abandoned(path: Path, now: float) -> bool:
    """Remove a file or folder of the work folder unless somebody may still need it."""
    try:
        age = now - path.stat().st_mtime
        if path.is_dir():
            held = is_locked(path)
            if held or age < (MIN_SCRATCH_AGE if held is False else ABANDONED_AFTER):
                return False
            shutil.rmtree(path)
        elif age < ABANDONED_AFTER:
            return False
        else:
            path.unlink()
    except FileNotFoundError:  # its owner was faster
        return False
    return True


def is_locked(folder: Path) -> bool | None:
    """Whether a process that lives holds a scratch folder; None where that cannot be known."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
