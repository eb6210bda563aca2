"""Files on their way in and out: streamed, never held in memory, named by nobody but us."""

import re
import tempfile
import unicodedata
from pathlib import Path
from typing import IO
from urllib.parse import quote

from flask import Request, Response, current_app, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import FileWrapper

from jobs.storage import Storage

CHUNK_BYTES = 1 << 16  # bytes read and sent at a time


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
    """The stored file, or the range of it that the request asks for (RFC 9110, 14).

    Raises FileNotFoundError, and RequestedRangeNotSatisfiable for a range beyond the end.
    """
    size = storage.size(key)
    body = FileWrapper(storage.open(key), CHUNK_BYTES)
    response = Response(body, mimetype=mimetype, headers=headers, direct_passthrough=True)
    response.content_length = size
    response.set_etag(f"{key}-{size}")
    response.headers["Cache-Control"] = "private, no-cache"
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=size)
    except HTTPException:
        body.close()
        raise
    return response


def result_name(source_name: str) -> str:
    """What a result is saved as: "holiday.mov" gives "holiday-talking.mp4".

    Only letters, digits, spaces and - _ . , ( ) of the source's name stay, at most 80 of them.
    """
    stem = Path(source_name.replace("\\", "/")).stem
    kept = re.sub(r"[^\w \-.,()]+", " ", stem)
    name = re.sub(r"\s+", " ", kept).strip(" .")[:80].strip(" .")
    return f"{name or 'video'}-talking.mp4"


def disposition(source_name: str) -> dict[str, str]:
    """The parameters of Content-Disposition that name a result, also in Unicode (RFC 6266)."""
    name = result_name(source_name)
    if name.isascii():
        return {"filename": name}
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip(" -")
    return {
        "filename": plain if plain != "talking.mp4" else "video-talking.mp4",
        "filename*": f"UTF-8''{quote(name)}",
    }
