"""Records as the API shows them: the schemas of openapi.json, in Python."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from flask import url_for

from app.desk import jobs
from app.words import STATES, length
from jobs.outlook import Outlook, outlook
from jobs.progress import progress
from jobs.records import Job, Person, Upload, Voice
from jobs.retention import expires_at
from media.probe import NOTES


def upload(record: Upload) -> dict[str, Any]:
    info = record.info
    return {
        "id": record.id,
        "name": record.name,
        "kind": record.kind,
        "width": info["width"],
        "height": info["height"],
        "fps": _number(info["fps"]),
        "frames": info["frames"],
        "duration": _number(info["duration"]),
        "has_audio": info["has_audio"],
        "bytes": record.bytes,
        "notes": [NOTES[note] for note in info.get("notes", [])],
    }


def job(record: Job) -> dict[str, Any]:
    """A job with its source, voices, persons and segments loaded."""
    done = record.state == "done"
    turn = _turn(record)
    expires = expires_at(record, jobs().settings)
    return {
        "id": record.id,
        "state": record.state,
        "summary": _summary(record, turn),
        "created": _time(record.created),
        "updated": _time(record.updated),
        "expires": None if expires is None else _time(expires),
        "source": upload(record.source),
        "voices": [_voice(each) for each in record.voices],
        "options": record.options | {"fps": _number(record.options["fps"])},
        "progress": progress(record),
        "queue": turn and {"position": turn.position, "seconds": turn.seconds},
        "picture": _picture(record),
        "persons": [_person(each) for each in record.persons],
        "previews": _previews(record),
        "not_animated": record.not_animated or [],
        "notes": [NOTES[note] for note in record.source.info.get("notes", [])],
        "beginning": url_for("api.show_beginning", id=record.id) if beginning(record) else None,
        "result": url_for("api.show_result", id=record.id) if done else None,
        "error": record.error,
        "retryable": record.state in ("failed", "cancelled"),
    }


def beginning(record: Job) -> str | None:
    """The key of the first piece, where it is done and the rest is not."""
    if record.state not in ("rendering", "finishing"):
        return None
    first = [each for each in record.segments if each.step == "render" and each.index == 0]
    return first[0].key if first and first[0].state == "done" else None


def _turn(record: Job) -> Outlook | None:
    with jobs().database.read() as session:
        return outlook(session, record)


def _summary(record: Job, turn: Outlook | None) -> str:
    answered = all(voice.person is not None or voice.point for voice in record.voices)
    # The answer is there, and the worker that acts on it is not yet.
    words = STATES["queued" if record.state == "choosing" and answered else record.state]
    if turn is None or turn.position == 1:
        return words
    when = "" if turn.seconds is None else f", in {length(max(1, round(turn.seconds)))} or so"
    return f"{STATES['queued']}: number {turn.position}{when}"


def _voice(record: Voice) -> dict[str, Any]:
    return {
        "audio": record.upload_id,
        "name": record.upload.name,
        "duration": _number(record.duration),
        "person": record.person,
        "point": record.point,
        "start": record.start,
        "gain": record.gain,
    }


def _person(record: Person) -> dict[str, Any]:
    return {
        "id": record.number,
        "box": record.box,
        "frame": record.frame,
        "score": record.score,
        "thumbnail": url_for("api.show_thumbnail", id=record.job_id, number=record.number),
        "first": record.intervals[0][0] if record.intervals else 0,
        "last": record.intervals[-1][1] if record.intervals else 0,
        "share": record.share,
        "intervals": record.intervals,
    }


def _picture(record: Job) -> dict[str, Any] | None:
    if record.picture is None:
        return None
    return {
        "url": url_for("api.show_picture", id=record.id),
        "frame": record.picture["frame"],
        "width": record.picture["width"],
        "height": record.picture["height"],
    }


def _previews(record: Job) -> list[dict[str, Any]]:
    return [
        {
            "frame": preview["frame"],
            "time": preview["time"],
            "picture": url_for("api.show_preview", id=record.id, number=number),
            "boxes": preview["boxes"],
        }
        for number, preview in enumerate(record.previews or [])
    ]


def _number(fraction: str | None) -> float | None:
    return None if fraction is None else float(Fraction(fraction))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
