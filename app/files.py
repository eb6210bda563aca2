"""Files on their way in and out: streamed, never held in memory, named by nobody but us."""

import hashlib
import re
import tempfile
import unicodedata
from pathlib import Path
from typing import IO
from urllib.parse import quote

from flask import Request, Response, current_app, request
from werkzeug.datastructures import Headers
from werkzeug.wsgi import FileWrapper

from app import ranges, transfer_shares
from jobs.chaining import result_stem
from jobs.storage import Storage

UNCOUNTED_BYTES = 1 << 20  # a file of less is no download that a client has to have a place for


class UploadRequest(Request):
    """A request whose files are written to our own work folder as they arrive."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        folder: Path = current_app.config["WORK_DIR"]
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=folder, prefix="upload-")


def send(storage: Storage, key: str, mimetype: str, headers: Headers | None = None) -> Response:
    """The stored file, or the ranges of it that the request asks for.

    Raises FileNotFoundError, RequestedRangeNotSatisfiable for ranges beyond the end, and
    `jobs.rate_limit.RetryLater` (busy).
    """
    size = storage.size(key)
    # A digest: a key holds the id of a job, which is no business of those who have a shared link.
    etag = hashlib.sha256(f"{key}-{size}".encode()).hexdigest()[:32]
    spans = ranges.requested_spans(request, size, etag)
    large = size > UNCOUNTED_BYTES and request.method == "GET"
    release = transfer_shares.take(transfer_shares.DOWNLOADS) if large else None
    try:
        file = storage.open(key)
    except OSError:
        if release:
            release()
        raise
    body = FileWrapper(file, ranges.CHUNK_BYTES)
    response = Response(body, mimetype=mimetype, headers=headers)
    response.call_on_close(file.close)
    if release:
        response.call_on_close(release)
    response.content_length = size
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Accept-Ranges"] = "bytes"
    response.make_conditional(request)
    if spans and response.status_code == 200:
        ranges.send_spans(response, file, spans, size)
    return response


def result_name(source_name: str, own: str | None = None) -> str:
    """What a result is saved as: by a name of its `own`, or after its source.

    "holiday.mov" gives "holiday-talking.mp4", and that, when somebody else is animated in it,
    "holiday-talking-2.mp4". Only letters, digits, spaces and - _ . , ( ) of a name stay, at most 80
    of them.
    """
    if own:
        return f"{_plain(own.removesuffix('.mp4'))}.mp4"
    stem = Path(source_name.replace("\\", "/")).stem
    return f"{result_stem(_plain(stem))}.mp4"


def _plain(name: str) -> str:
    kept = re.sub(r"[^\w \-.,()]+", " ", name)
    return re.sub(r"\s+", " ", kept).strip(" .")[:80].strip(" .") or "video"


def disposition(source_name: str, own: str | None = None) -> dict[str, str]:
    """The parameters of Content-Disposition that name a result, also in Unicode (RFC 6266)."""
    name = result_name(source_name, own)
    if name.isascii():
        return {"filename": name}
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip(" -")
    return {
        "filename": plain
        if Path(plain).stem not in ("", "talking", ".mp4")
        else "video-talking.mp4",
        "filename*": f"UTF-8''{quote(name)}",
    }
