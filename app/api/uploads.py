"""Uploads: a file comes in, and what it is goes out."""

from pathlib import Path
from typing import Any

from flask import Response, request

from app import sample
from app.api import representation
from app.api.blueprint import api
from app.api.body import Body
from app.api.idempotency import idempotency_key
from app.identity import client_key, visitor
from app.jobs_access import jobs
from jobs import face_search
from jobs.records import Upload
from media.errors import NamedError, not_a_face_file
from media.probe import content_hash


@api.post("/uploads")
def create_upload() -> tuple[dict[str, Any], int]:
    file = request.files.get("file")
    if file is None:
        raise NamedError(
            "bad-request",
            "No file was sent.",
            "Send it as multipart/form-data, in a field called “file”.",
        )
    path = Path(file.stream.name)
    file.stream.flush()
    name = file.filename or "unnamed"
    keyed = "Idempotency-Key" in request.headers
    key = idempotency_key(content_hash(path)) if keyed else None
    record = jobs().create_upload(visitor(), path, name, idempotency_key=key, client=client_key())
    require_role(record)
    return representation.upload(record), 201


@api.get("/uploads/<upload>/poster")
def show_poster(upload: str) -> Response:
    response = Response(jobs().poster(visitor(), upload), mimetype="image/jpeg")
    response.cache_control.private = True
    response.cache_control.max_age = 3600
    return response


@api.post("/uploads/<upload>/faces")
def find_faces(upload: str) -> tuple[dict[str, Any], int]:
    Body(request, known=set())
    return representation.face_search(face_search.request(jobs(), upload)), 202


@api.get("/uploads/<upload>/faces")
def show_faces(upload: str) -> dict[str, Any]:
    return representation.face_search(face_search.get(jobs(), upload))


@api.delete("/uploads/<upload>/faces")
def forget_faces(upload: str) -> tuple[str, int]:
    face_search.cancel(jobs(), upload)
    return "", 204


@api.post("/sample")
def create_sample() -> tuple[dict[str, Any], int]:
    Body(request, known=set())
    source, voice = sample.sample_uploads()
    return {"source": representation.upload(source), "voice": representation.upload(voice)}, 201


def require_role(record: Upload) -> None:
    """Refuse at once what a job would refuse later, where the request says what the file is for.

    What is refused is not kept. Raises MediaError.
    """
    role = request.args.get("role")
    try:
        if role == "source" and record.kind == "audio":
            raise not_a_face_file()
        if role == "voice":
            jobs().voice_duration(record)
    except NamedError:
        jobs().delete_upload(record.id)
        raise
