"""Download a checkpoint: resumed where it stopped, and put in place only when it is whole."""

import http.client
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from checkpoints import Checkpoint, folder, get, obtain, sha256
from media.errors import NamedError

Progress = Callable[[int, int | None], None]

TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 20


class _Interrupted(Exception):
    """The connection ended before the file did."""


def fetch(name: str, progress: Progress | None = None, url: str | None = None) -> Path:
    """Download checkpoint `name` (from `url` instead of the manifest's) and return its path.

    `progress(done, total)` is told bytes; total is None while nobody knows it. What a broken
    connection leaves is kept beside the target and continued, now and in the next call. A file
    that is already there and whole is not fetched again. Raises NamedError `checkpoint-missing`
    for a name or an address nobody knows, `download-failed` when the file cannot be had,
    `checkpoint-corrupt` when the server's file is another one, `disk-full`.
    """
    checkpoint = get(name)
    if checkpoint.present and sha256(checkpoint.path) == checkpoint.sha256:
        return checkpoint.path
    source = url or checkpoint.url
    if source is None:
        remedy = obtain(name)
        raise NamedError("checkpoint-missing", f"No address is known for “{name}”.", remedy)
    target = folder() / checkpoint.file
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    _complete(part, source, checkpoint, progress or (lambda done, total: None))
    part.replace(target)
    return target


def _complete(part: Path, url: str, checkpoint: Checkpoint, progress: Progress) -> None:
    """Fill `part` until it is the file: again as long as each try brings it nearer."""
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _continue(part, url, checkpoint, progress)
        except _Interrupted as error:
            if part.is_file() and part.stat().st_size > before:
                continue
            raise _failed(url, checkpoint, error) from error
        except (OSError, http.client.HTTPException) as error:
            raise _failed(url, checkpoint, error) from error
        if sha256(part) == checkpoint.sha256:
            return
        part.unlink()
        if not before:  # else its beginning may have come from somewhere else: once from the start
            raise NamedError(
                "checkpoint-corrupt",
                f"What {url} serves is not “{checkpoint.name}”: its checksum is another one.",
                f"Get the file elsewhere and put it at {folder() / checkpoint.file}.",
            )


def _continue(part: Path, url: str, checkpoint: Checkpoint, progress: Progress) -> None:
    """Append to `part` what the server still has for it; start over where it cannot continue."""
    done = part.stat().st_size if part.is_file() else 0
    if not url.startswith(("http://", "https://")):
        raise http.client.UnknownProtocol(url)
    request = Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310
    try:
        response = urlopen(request, timeout=TIMEOUT)  # noqa: S310 - the scheme was checked
    except HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is left to come: the checksum says whether it is all there
        raise
    with response:
        continued = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = done if continued else 0
        coming = response.headers.get("Content-Length")
        total = done + int(coming) if coming else checkpoint.bytes
        _check_space(part.parent, (total or 0) - done)
        with part.open("ab" if continued else "wb") as file:
            progress(done, total)
            while block := _read(response):
                file.write(block)
                done += len(block)
                progress(done, total)
    if total is not None and done < total:
        raise _Interrupted(f"{done} of {total} bytes came")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(error)) from error


def _check_space(where: Path, needed: int) -> None:
    free = _free_bytes(where)
    if needed > free:
        raise NamedError(
            "disk-full",
            f"{needed >> 20} MB are needed in {where}, {free >> 20} MB are free.",
            "Make room, or set MOUTH_CHECKPOINTS to a folder on another disk.",
        )


def _free_bytes(where: Path) -> int:
    return shutil.disk_usage(where).free


def _failed(url: str, checkpoint: Checkpoint, error: Exception) -> NamedError:
    cause = error.reason if type(error) is URLError else error  # what lies below, in its own words
    why = getattr(cause, "strerror", None) or cause
    return NamedError(
        "download-failed",
        f"“{checkpoint.name}” could not be downloaded ({why}).",
        "Is this machine online? Try again: it continues where it stopped. "
        f"Or download {url} on another machine and put it at "
        f"{folder() / checkpoint.file}.",
    )
