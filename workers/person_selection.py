"""Who speaks each voice: the person that was named, pointed at, or is the only one."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from face_detection.persons import Person, from_csv, person_at
from jobs import errors
from jobs.records import Job
from jobs.service import Jobs
from media.errors import NamedError
from rendering.spec import Source
from workers.job_spec import JobOutline, persons_key


def has_points(job: Job) -> bool:
    """Whether a voice's speaker is still only a point at a face."""
    return any(voice.person is None and voice.point for voice in job.voices)


def load_persons(jobs: Jobs, job_id: str) -> list[Person]:
    """The linked persons with all their boxes, which points are looked up in.

    None where the file is gone: the job was cancelled in this very moment.
    """
    try:
        with jobs.storage.local(persons_key(job_id)) as path:
            return from_csv(path.read_text())
    except FileNotFoundError:
        return []


def assign_speakers(job: Job, outline: JobOutline, persons: Sequence[Person]) -> bool:
    """Write down who speaks each voice of a job whose persons are linked; whether all are known.

    Points are looked up in `persons`. Raises NamedError no-such-person for a point at nobody and
    a number that nobody has; both can be answered anew.
    """
    numbers = [person.number for person in job.persons]
    for voice in job.voices:
        if voice.person is None and voice.point and persons:
            voice.person = _person_at(voice.point, outline, persons, numbers)
        if voice.person is None and len(numbers) == 1:
            voice.person = numbers[0]
        if voice.person is not None and voice.person not in numbers:
            raise errors.no_such_person(voice.person, numbers)
    return all(voice.person is not None for voice in job.voices)


def not_found(outline: JobOutline, point: Mapping[str, Any], numbers: Iterable[int]) -> NamedError:
    """Why nobody was found at a point: nobody is there, or that frame was not searched."""
    source, searched = outline.source, outline.frames_to_detect
    if not source.is_fixed and frame_of(source, point) >= searched:
        return errors.not_shown(float(searched / source.fps))
    return errors.no_person_at(point["x"], point["y"], numbers)


def frame_of(source: Source, point: Mapping[str, Any]) -> int:
    """The number of the frame that a point lies in; beyond the end it is the last one."""
    if source.is_fixed:
        return 0
    frame = point["frame"]
    if frame is None:
        frame = int(Fraction(point["time"] or 0) * source.fps)
    return min(frame, source.frames - 1)


def _person_at(
    point: Mapping[str, Any],
    outline: JobOutline,
    persons: Sequence[Person],
    numbers: Iterable[int],
) -> int:
    frame = frame_of(outline.source, point)
    if person := person_at(persons, frame, point["x"], point["y"]):
        return person.id
    raise not_found(outline, point, numbers)
