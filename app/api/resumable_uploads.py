"""Files in pieces: tus 1.0 (https://tus.io/protocols/resumable-upload) with creation, termination
and expiration, and one address more, which makes an upload of a file that is complete.
"""

import base64
import re
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

from flask import Response, request, url_for
from werkzeug.exceptions import ClientDisconnected

from app.api import representation
from app.api.blueprint import api
from app.api.body import Body
from app.api.uploads import require_role
from app.identity import client_key, visitor
from app.jobs_access import jobs
from app.ranges import CHUNK_BYTES
from jobs import logs
from jobs.records import Transfer
from jobs.resumable_uploads import Transfers
from media.errors import NamedError

VERSION = "1.0.0"
CHUNK_TYPE = "application/offset+octet-stream"
MAX_METADATA = 2000  # characters of Upload-Metadata


@api.route("/transfers", methods=["OPTIONS"], provide_automatic_options=False)
def describe_transfers() -> Response:
    answer = Response(status=204)
    answer.headers["Tus-Version"] = VERSION
    answer.headers["Tus-Extension"] = "creation,termination,expiration"
    answer.headers["Tus-Max-Size"] = str(jobs().settings.max_upload_bytes)
    return answer


@api.post("/transfers")
def begin_transfer() -> Response:
    _require_version()
    metadata = request.headers.get("Upload-Metadata", "")
    _file_name(metadata)  # what cannot be read later is refused now
    size = _integer_header("Upload-Length")
    transfer = Transfers(jobs()).begin(visitor(), size, metadata, client_key())
    answer = _offset_response(transfer, 0, 201)
    answer.headers["Location"] = url_for("api.show_transfer", transfer=transfer.id)
    return answer


@api.route("/transfers/<transfer>", methods=["HEAD"], provide_automatic_options=False)
def show_transfer(transfer: str) -> Response:
    _require_version()
    transfers = Transfers(jobs())
    known = transfers.get(transfer)
    answer = _offset_response(known, transfers.offset(known), 200)
    answer.headers["Upload-Length"] = str(known.bytes)
    if known.told:
        answer.headers["Upload-Metadata"] = known.told
    return answer


@api.patch("/transfers/<transfer>")
def append_to_transfer(transfer: str) -> Response:
    _require_version()
    if request.mimetype != CHUNK_TYPE:
        raise NamedError(
            "piece-expected",
            "This address takes pieces of a file.",
            f"Send the bytes with Content-Type: {CHUNK_TYPE}.",
        )
    transfers = Transfers(jobs())
    known = transfers.get(transfer)
    offset = transfers.append(known, _integer_header("Upload-Offset"), _body_chunks())
    return _offset_response(known, offset, 204)


@api.delete("/transfers/<transfer>")
def end_transfer(transfer: str) -> Response:
    _require_version()
    transfers = Transfers(jobs())
    transfers.end(transfers.get(transfer))
    return Response(status=204)


@api.post("/transfers/<transfer>/upload")
def finish_transfer(transfer: str) -> tuple[dict[str, Any], int]:
    Body(request, known=set())
    transfers = Transfers(jobs())
    known = transfers.get(transfer)
    upload = transfers.finish(known, _file_name(known.told))
    require_role(upload)
    return representation.upload(upload), 201


@api.after_request
def _name_version(answer: Response) -> Response:
    if "transfer" in (request.endpoint or ""):
        answer.headers["Tus-Resumable"] = VERSION
        if answer.status_code == 412:
            answer.headers["Tus-Version"] = VERSION
    return answer


def _require_version() -> None:
    """Raises NamedError `wrong-protocol`. No form of another site can send such a header."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise NamedError(
            "wrong-protocol",
            "This address speaks tus, the protocol of resumable uploads.",
            f"Send the header Tus-Resumable: {VERSION} along.",
        )


def _offset_response(transfer: Transfer, offset: int, status: int) -> Response:
    answer = Response(status=status)
    answer.headers["Upload-Offset"] = str(offset)
    if (expires := Transfers(jobs()).expires(transfer)) is not None:
        answer.headers["Upload-Expires"] = formatdate(expires, usegmt=True)
    return answer


def _integer_header(header: str) -> int:
    """Raises NamedError bad-request."""
    value = request.headers.get(header, "")
    if not re.fullmatch("[0-9]{1,15}", value):
        raise _bad_header(header, "a whole number of bytes")
    return int(value)


def _file_name(metadata: str) -> str:
    """The name in Upload-Metadata. Raises NamedError bad-request."""
    pairs = dict(pair.strip().partition(" ")[::2] for pair in metadata.split(","))
    try:
        if len(metadata) > MAX_METADATA or not metadata.isascii():
            raise ValueError(metadata)
        return base64.b64decode(pairs.get("filename", ""), validate=True).decode() or "unnamed"
    except ValueError:
        raise _bad_header(
            "Upload-Metadata",
            f"at most {MAX_METADATA} characters like “filename ZmFjZS5tcDQ=”, the name in base64",
        ) from None


def _bad_header(header: str, expected: str) -> NamedError:
    return NamedError(
        "bad-request", f"The header {header} cannot be understood.", f"Send {expected}."
    )


def _body_chunks() -> Iterator[bytes]:
    """The body as it comes; a connection that breaks ends it, and what came before counts."""
    while True:
        try:
            block = request.stream.read(CHUNK_BYTES)
        except (ClientDisconnected, OSError) as error:
            logs.log("broken-off", path=request.path, error=str(error))
            return
        if not block:
            return
        yield block
