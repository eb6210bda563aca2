"""Records as programs see them, in the API and in webhooks: the schemas of openapi.json.

Addresses are paths on the server that was asked.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import checkpoints
from jobs.chaining import earlier_speakers
from jobs.progress import progress
from jobs.queue_position import queue_position
from jobs.records import Delivery, FaceSearch, Job, Person, Upload, Voice
from jobs.retention import expires_at
from jobs.service import Jobs
from jobs.status_text import summary
from media.probe import NOTES
from rendering.options import Options, option_notes

API = "/api/v1"


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
        "notes": _notes(record),
    }


def face_search(record: FaceSearch) -> dict[str, Any]:
    """A search with its upload loaded; `searched` is in seconds, null for a picture."""
    info = record.upload.info
    fps = Fraction(info["fps"]) if record.upload.kind == "video" else None
    return {
        "state": "waiting" if record.state == "sent" else record.state,
        "faces": [
            each | {"time": float(each["frame"] / fps) if fps else 0} for each in record.faces or []
        ],
        "searched": float(record.searched / fps) if fps else None,
        "complete": record.searched >= (info["frames"] or 1),
        "error": record.error,
    }


def job(jobs: Jobs, record: Job, root: str = "") -> dict[str, Any]:
    """A job that was loaded whole (`jobs.service.WHOLE_JOB`); `root` is the path of the site."""
    place = f"{root}{API}/jobs/{record.id}"
    expires = expires_at(record, jobs.settings)
    spoken = earlier_speakers(record)
    with jobs.database.read() as session:
        position = queue_position(session, record)
        done = progress(session, record)
    return {
        "id": record.id,
        "name": record.name or record.source.name,
        "state": record.state,
        "summary": summary(record, position),
        "created": iso_time(record.created),
        "updated": iso_time(record.updated),
        "expires": _when(expires),
        "source": upload(record.source),
        "voices": [_voice(each) for each in record.voices],
        "options": record.options | {"fps": _number(record.options["fps"])},
        "progress": done,
        "queue": position and asdict(position),
        "picture": _picture(record, place),
        "persons": [_person(each, place, spoken.get(each.number, [])) for each in record.persons],
        "previews": _previews(record, place),
        "not_animated": [_not_animated(each) for each in record.not_animated or []],
        "notes": [*_notes(record.source), *_option_notes(record), *(record.notes or [])],
        "beginning": f"{place}/beginning" if beginning(record) else None,
        "result": f"{place}/result" if record.state == "done" else None,
        "shared": f"{root}/shared/{record.link_secret}" if record.link_secret else None,
        "error": record.error,
        "retryable": record.state in ("failed", "cancelled"),
        "webhook": _webhook(record),
    }


def beginning(record: Job) -> str | None:
    """The key of the first piece, where it is done and the rest is not."""
    if record.state not in ("rendering", "finishing"):
        return None
    first = [each for each in record.segments if each.step == "render" and each.index == 0]
    return first[0].key if first and first[0].state == "done" else None


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


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


def _person(record: Person, place: str, speaks: list[str]) -> dict[str, Any]:
    return {
        "id": record.number,
        "box": record.box,
        "frame": record.frame,
        "score": record.score,
        "thumbnail": f"{place}/persons/{record.number}/thumbnail",
        "first": record.intervals[0][0] if record.intervals else 0,
        "last": record.intervals[-1][1] if record.intervals else 0,
        "share": record.share,
        "intervals": record.intervals,
        "speaks": speaks,
    }


def _picture(record: Job, place: str) -> dict[str, Any] | None:
    if record.picture is None:
        return None
    known = {name: record.picture[name] for name in ("frame", "width", "height")}
    return {"url": f"{place}/picture", **known}


def _previews(record: Job, place: str) -> list[dict[str, Any]]:
    return [
        {
            "frame": preview["frame"],
            "time": preview["time"],
            "picture": f"{place}/previews/{number}",
            "boxes": preview["boxes"],
        }
        for number, preview in enumerate(record.previews or [])
    ]


def _webhook(record: Job) -> dict[str, Any] | None:
    if record.webhook is None:
        return None
    return {
        "url": record.webhook["url"],
        "signed": record.webhook["secret"] is not None,
        "deliveries": [_delivery(each) for each in record.deliveries],
    }


def _delivery(record: Delivery) -> dict[str, Any]:
    pending = "given-up" if record.due is None else "waiting"
    return {
        "id": record.id,
        "event": record.event,
        "state": pending if record.delivered is None else "delivered",
        "attempts": record.attempts,
        "created": iso_time(record.created),
        "next": _when(record.due),
        "delivered": _when(record.delivered),
        "error": record.error,
    }


def _notes(source: Upload) -> list[str]:
    return [NOTES[note] for note in source.info.get("notes", [])]


def _not_animated(stretch: dict[str, Any]) -> dict[str, Any]:
    # Rows of earlier versions have the reason in words.
    return stretch | {"reason": stretch["reason"].replace(" ", "-")}


def _option_notes(record: Job) -> list[str]:
    options = Options.from_dict(record.options)
    listed = {each.name: each.architecture for each in checkpoints.all()}
    return option_notes(options, record.source.kind, listed.get(options.checkpoint))


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else iso_time(seconds)


def _number(fraction: str | None) -> float | None:
    return None if fraction is None else float(Fraction(fraction))
