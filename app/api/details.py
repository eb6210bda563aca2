"""What a job was made from and how: its files, credentials, steps, and how to say it again."""

from typing import Any

from flask import Response

from app import files
from app.api import representation
from app.api.blueprint import api
from app.jobs_access import jobs
from app.system import system
from jobs import reproduce
from jobs.errors import not_found
from jobs.records import Job, Upload
from media.signature import signature_in

STEPS = {"detect": "find the faces", "link": "tell people apart", "render": "move the mouth",
         "stitch": "join picture and sound"}  # fmt: skip
_TYPES = {
    ("JPEG", "image"): "image/jpeg",
    ("PNG", "image"): "image/png",
    ("WEBP", "image"): "image/webp",
    ("WEBP", "video"): "image/webp",
    ("HEIF", "image"): "image/heic",
    ("AVIF", "image"): "image/avif",
    ("GIF", "image"): "image/gif",
    ("GIF", "video"): "image/gif",
    ("mov", "video"): "video/mp4",
    ("mov", "audio"): "audio/mp4",
    ("matroska", "video"): "video/webm",
    ("matroska", "audio"): "audio/webm",
    ("mpegts", "video"): "video/mp2t",
    ("mpeg", "video"): "video/mpeg",
    ("mxf", "video"): "application/mxf",
    ("ogg", "audio"): "audio/ogg",
    ("ogg", "video"): "video/ogg",
    ("wav", "audio"): "audio/wav",
    ("mp3", "audio"): "audio/mpeg",
    ("aac", "audio"): "audio/aac",
    ("flac", "audio"): "audio/flac",
}


@api.get("/jobs/<id>/source")
def show_source(id: str) -> Response:
    return _content(jobs().job(id).source)


@api.get("/jobs/<id>/voices/<int:number>")
def show_voice(id: str, number: int) -> Response:
    voices = jobs().job(id).voices
    if not 1 <= number <= len(voices):
        raise not_found("voice")
    return _content(voices[number - 1].upload)


@api.get("/jobs/<id>/beginning")
def show_beginning(id: str) -> Response:
    key = representation.beginning(jobs().job(id))
    if key is None:
        raise not_found("beginning at the moment")
    try:
        return files.send(jobs().storage, key, "video/mp4")
    except FileNotFoundError:  # the whole has just become ready
        raise not_found("beginning at the moment") from None


@api.get("/jobs/<id>/credentials")
def show_credentials(id: str) -> dict[str, Any]:
    # Only who asks for them waits for the library that reads them.
    from media import provenance

    job = jobs().job(id)
    if job.result_key is None:
        raise not_found("result yet")
    try:
        with jobs().storage.local(job.result_key) as path:
            found = provenance.read(path)
    except FileNotFoundError:
        raise not_found("file any more") from None
    if found is None:
        raise not_found("credentials")
    return found.to_dict()


@api.get("/jobs/<id>/details")
def show_details(id: str) -> dict[str, Any]:
    job = jobs().job(id)
    return {
        "checkpoint": job.options["checkpoint"],
        "detector": _detector(job),
        "steps": _steps(job),
        "request": reproduce.as_request(job),
        "command": reproduce.as_command(job),
    }


def _detector(job: Job) -> str:
    """Who found the faces; as long as nobody has, who would."""
    if job.options.get("box"):
        return "none"
    found = [each.key or "" for each in job.segments if each.step == "detect"]
    # The key of detections begins with the name (`face_detection.cache.cache_key`).
    names = [key.partition("-")[0] for key in found if "-" in key]
    return names[0] if names else system(jobs().settings).detector


def _steps(job: Job) -> list[dict[str, Any]]:
    """Time spent in each step so far, that of all workers together."""
    listed = []
    for step, what in STEPS.items():
        segments = [segment for segment in job.segments if segment.step == step]
        if segments:
            listed.append(
                {
                    "step": step,
                    "what": what,
                    "seconds": round(sum(segment.seconds for segment in segments), 2),
                    "frames": sum(segment.stop - segment.start for segment in segments),
                }
            )
    return listed


def _content(upload: Upload) -> Response:
    """The file as it was given; its type is told by its bytes, as everywhere."""
    storage = jobs().storage
    try:
        with storage.open(upload.key) as file:
            kind = _TYPES.get((signature_in(file).format, upload.kind), "application/octet-stream")
        return files.send(storage, upload.key, kind)
    except FileNotFoundError:
        raise not_found("file any more") from None
