"""Who is meant by a point at a face."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from face_detection.persons import from_csv, person_at
from jobs import errors
from jobs.records import FINAL, Job
from jobs.service import Jobs
from media.errors import NamedError
from rendering.spec import Source, frames_to_detect
from workers.job_spec import ends_of, source_of
from workers.lease import fail


def resolve(jobs: Jobs, job_id: str) -> None:
    """Let the persons at whom a job's voices point speak them, once the persons are found.

    The job fails by `no-such-person`, which can be answered anew, where nobody is.
    """
    with jobs.database.read() as session:
        job = session.get(Job, job_id)
        if job is None or job.state in FINAL or not job.persons:
            return
        points = {
            voice.position: voice.point
            for voice in job.voices
            if voice.person is None and voice.point
        }
        source, ends = source_of(job, Path(job.source.key)), ends_of(job)
    if not points:
        return
    try:
        with jobs.storage.local(f"jobs/{job_id}/persons.csv") as path:
            persons = from_csv(path.read_text())
    except FileNotFoundError:  # the job was cancelled in this very moment
        return
    meant = {
        position: person_at(persons, frame_of(source, point), point["x"], point["y"])
        for position, point in points.items()
    }
    with jobs.database.write() as session:
        job = session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in FINAL:
            return
        for voice in job.voices:
            # Somebody may have chosen otherwise in this very moment.
            if voice.person is None and voice.point and voice.point == points.get(voice.position):
                if (person := meant[voice.position]) is None:
                    known = [person.number for person in job.persons]
                    fail(job, missed(source, ends, voice.point, known))
                    return
                voice.person = person.id


def missed(
    source: Source, ends: Sequence[Fraction], point: Mapping[str, Any], known: Iterable[int]
) -> NamedError:
    """Why nobody was found at a point. After what voices that end so show nobody was looked for."""
    shown = frames_to_detect(source, ends)
    if not source.is_fixed and frame_of(source, point) >= shown:
        return errors.not_shown(float(shown / source.fps))
    return errors.nobody_there(point["x"], point["y"], known)


def frame_of(source: Source, point: Mapping[str, Any]) -> int:
    """The number of the frame that a point lies in; beyond the end it is the last one."""
    if source.is_fixed:
        return 0
    frame = point["frame"]
    if frame is None:
        frame = int(Fraction(point["time"] or 0) * source.fps)
    return min(frame, source.frames - 1)
