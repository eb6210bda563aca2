"""Files under keys, in a folder or in anything that fsspec reaches.

uploads/<aa>/<sha256>      what was sent, once however often it is sent
detections/...             the cache of face_detection, by content
jobs/<id>/...              all that is derived for one job: goes with it
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from media.probe import content_hash


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
        _to_disk(path)
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
        """A new folder for half-made files, removed at the end with all that is left in it."""
        folder = self.work_dir / uuid.uuid4().hex
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

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

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"


def _to_disk(path: Path) -> None:
    # Renaming is atomic for other processes, but only this survives a power cut.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
