"""Uploads: a file comes in, and what it is goes out."""

from pathlib import Path
from typing import Any

from flask import request

from app import sample
from app.api import api, representation
from app.api.body import Body
from app.desk import jobs
from app.visitor import visitor
from jobs.records import Upload
from media.errors import NamedError, no_audio_track, not_a_face_file, not_a_voice
from media.sound import check_voice


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
    record = jobs().create_upload(visitor(), path, file.filename or "unnamed")
    try:
        _check_role(record, path)
    except NamedError:
        jobs().delete_upload(record.id)
        raise
    return representation.upload(record), 201


@api.post("/sample")
def create_sample() -> tuple[dict[str, Any], int]:
    Body(request, known=set())
    source = jobs().create_upload(visitor(), sample.face(), "astronaut.png")
    voice = jobs().create_upload(visitor(), sample.VOICE, "hello.mp3")
    return {"source": representation.upload(source), "voice": representation.upload(voice)}, 201


def _check_role(record: Upload, path: Path) -> None:
    """Refuse at once what a job would refuse later, where the request says what the file is for.

    Raises MediaError.
    """
    role = request.args.get("role")
    if role == "source" and record.kind == "audio":
        raise not_a_face_file()
    if role == "voice":
        if record.kind == "image":
            raise not_a_voice()
        if not record.info["has_audio"]:
            raise no_audio_track()
        check_voice(path)
