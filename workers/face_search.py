"""The faces in the beginning of an upload, before there is a job: see `jobs.face_search`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from face_detection.cache import DetectionCache
from face_detection.errors import FaceError
from face_detection.persons import Person
from jobs import errors, logs
from jobs.face_search import LEASE
from jobs.records import FaceSearch, Upload
from jobs.service import Jobs
from media.errors import NamedError
from media.probe import MediaInfo
from rendering.detect import detect_segment
from rendering.link import link_persons
from rendering.models import detector_for
from rendering.options import Options
from rendering.spec import Source, plan
from rendering.thumbnails import box_in, picture_frame, shown_in


@dataclass(frozen=True)
class Found:
    """The faces in the first `searched` frames, as `jobs.records.FaceSearch` has them.

    `error` says why there are none.
    """

    faces: list[dict[str, Any]]
    searched: int
    error: NamedError | None = None


def claim(jobs: Jobs, upload_id: str) -> Upload | None:
    """Begin the search in an upload; None if another run has, or nobody wants it any more."""
    with jobs.database.write() as session:
        search = session.get(FaceSearch, upload_id, with_for_update=True)
        if search is None or search.state != "sent":
            return None
        search.state, search.lease_until = "running", time.time() + LEASE
        return session.get_one(Upload, upload_id)


def find_faces(jobs: Jobs, upload: Upload) -> Found:
    """The faces in the first segment of an upload, which a job's first step finds in the cache.

    Raises MediaError, FileNotFoundError.
    """
    cache = DetectionCache(jobs.storage.address(f"detections/{upload.sha256}"))
    with jobs.storage.local(upload.key) as path:
        source = Source(path, MediaInfo.from_dict(upload.info), Options(), upload.sha256)
        start, stop = plan(source.frames, source.fps, jobs.settings.segment_seconds)[0]
        detector = detector_for(source, jobs.settings.detector)
        detections = detect_segment(source, start, stop, detector, cache)
        try:
            persons = link_persons(source, detections, cache=cache)
        except FaceError as error:
            return Found([], stop, errors.with_box(error))
    return Found(_shown(persons), stop)


def finish(jobs: Jobs, upload_id: str, outcome: Found | NamedError) -> None:
    """Write down what was found, or why nothing could be looked for."""
    with jobs.database.write() as session:
        search = session.get(FaceSearch, upload_id, with_for_update=True)
        if search is None:  # its owner has chosen another file
            return
        if isinstance(outcome, Found):
            search.state, search.searched = "done", outcome.searched
            search.faces = outcome.faces
            error = outcome.error
        else:
            search.state, error = "failed", outcome
        search.error = error.as_dict() if error else None
    logs.log("faces-looked-for", upload=upload_id, state=search.state, code=error and error.code)


def _shown(persons: Sequence[Person]) -> list[dict[str, Any]]:
    picture = picture_frame(persons)
    frames = [shown_in(person, picture) for person in persons]
    return [
        {
            "id": person.id,
            "box": [round(side, 1) for side in box_in(person, frame)],
            "frame": frame,
            "score": round(person.score, 3),
        }
        for person, frame in zip(persons, frames, strict=True)
    ]
