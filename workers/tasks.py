"""The Celery tasks: each takes one segment, does its step, marks it, and lets the job advance."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from face_detection.cache import DetectionCache
from face_detection.persons import Person as Found
from face_detection.persons import from_csv, to_csv
from jobs import disk_space, errors, logs, signing
from jobs.records import Job, Person, Segment
from jobs.service import Jobs
from media.errors import NamedError
from rendering import pipeline
from rendering.models import detector_for, engine_for
from rendering.spec import RenderSpec, Source, VoiceTrack
from rendering.thumbnails import (
    box_in,
    boxes_at,
    preview_frames,
    shown_in,
    write_pictures,
    write_previews,
)
from rendering.visibility import not_animated, presence
from workers.application import app, settings
from workers.dispatch import advance, workshop
from workers.job_spec import source_of, start_of
from workers.lease import Lease, end_process
from workers.recovery import mend, persons_key


@app.task(name="workers.detect_segment")
def detect_segment(segment_id: str) -> None:
    _perform(segment_id, _detect)


@app.task(name="workers.link_persons")
def link_persons(segment_id: str) -> None:
    _perform(segment_id, _link)


@app.task(name="workers.render_segment")
def render_segment(segment_id: str) -> None:
    _perform(segment_id, _render)


@app.task(name="workers.stitch")
def stitch(segment_id: str) -> None:
    _perform(segment_id, _stitch)


def _perform(segment_id: str, work: Callable[[Jobs, Job, Lease], None]) -> None:
    """Do the work of a segment if nobody else does or has, and let its job advance."""
    jobs = workshop()
    try:
        lease = Lease.claim(jobs, segment_id)
    except OperationalError as error:  # nothing is begun: the sweeper sends the message again
        logs.log("not-claimed", error=error.orig)
        return
    if lease is None:
        return
    job_id = lease.segment.job_id
    sound = True  # whether this process can be trusted with the next piece
    try:
        disk_space.require_for_work(settings)
        with lease:
            work(jobs, jobs.job(job_id), lease)
    except pipeline.Cancelled:
        lease.give_back()
    except Exception as error:
        sound = _account_for(error, jobs, lease)
    except BaseException:  # the worker is being stopped: another may go on at once
        lease.give_back()
        raise
    advance(job_id)
    if not sound:
        end_process()


def _account_for(error: Exception, jobs: Jobs, lease: Lease) -> bool:
    """Tell what an error means for the job: what it says itself, that time is up, a full disk, a
    lost file, or something unforeseen.

    False when the process cannot be trusted any more: the end of its time may have come in the
    middle of anything, such as an import, and after something unforeseen a device, for one, does
    nothing more for a process that broke on it.
    """
    job_id, step = lease.segment.job_id, lease.segment.step
    if is_out_of_time(error):
        lease.give_back(errors.took_too_long())
        return False
    if isinstance(error, NamedError):
        lease.fail(error)
        return True
    if named := errors.of_storage(error):
        logs.log("storage-error", job=job_id, step=step, error=type(error).__name__)
        lease.fail(named)
        return True
    try:
        mended = isinstance(error, FileNotFoundError) and mend(jobs, job_id)
    except NamedError as gone:
        lease.fail(gone)
        return True
    if not mended:
        logs.failure("segment-error", job=job_id, step=step)
    lease.give_back(None if mended else errors.internal_error())
    return mended


def is_out_of_time(error: BaseException | None) -> bool:
    """Whether the time limit is behind an error: a reader that it struck in the middle of a file
    may have taken it for a fault of the file.
    """
    while error and not isinstance(error, SoftTimeLimitExceeded):
        error = error.__cause__ or error.__context__
    return error is not None


def _detect(jobs: Jobs, job: Job, lease: Lease) -> None:
    segment = lease.segment
    with _opened(jobs, job) as source:
        detector = detector_for(source, settings.detector)
        lease.start_clock()
        pipeline.detect_segment(
            source,
            job.source.sha256,
            segment.start,
            segment.stop,
            detector,
            _detections(jobs, job),
            lease.progress,
            lease.is_lost,
        )
        lease.finish(pipeline.detections_key(source, job.source.sha256, detector))


def _link(jobs: Jobs, job: Job, lease: Lease) -> None:
    cache = _detections(jobs, job)
    parts = []
    for segment in sorted(job.segments, key=lambda segment: segment.start):
        if segment.step == "detect":
            known = pipeline.recall(cache, segment.key or "", segment.start, segment.stop)
            if known is None:
                _look_again(jobs, segment.id, lease)
                return
            parts.append(known)
    seen = pipeline.Seen.joined(parts)
    with _opened(jobs, job) as source, jobs.storage.scratch() as folder:
        lease.start_clock()
        persons = pipeline.link_persons(
            source, seen, lease.progress, lease.is_lost, cache, job.source.sha256
        )
        picture = write_pictures(source, persons, folder)
        previews = _previews(jobs, job, source, persons, len(seen.faces), lease)
        (folder / "persons.csv").write_text(to_csv(persons))
        width, height = source.size
        for file in sorted(folder.iterdir()):
            jobs.storage.put_at(f"jobs/{job.id}/{file.name}", file)
        known_times = {
            person.id: presence(source, person, max(1, len(seen.faces))) for person in persons
        }

    def record(_session: Session, job: Job) -> None:
        job.picture = {
            "key": f"jobs/{job.id}/picture.jpg",
            "frame": picture,
            "width": width,
            "height": height,
        }
        job.previews = previews
        job.persons = [
            Person(
                number=person.id,
                frame=(at := shown_in(person, picture)),
                box=list(box_in(person, at)),
                score=person.score,
                thumbnail_key=f"jobs/{job.id}/person-{person.id}.jpg",
                intervals=known_times[person.id].intervals,
                share=known_times[person.id].share,
            )
            for person in persons
        ]

    _finish(jobs, lease, record=record)


def _previews(
    jobs: Jobs, job: Job, source: Source, persons: Sequence[Found], frames: int, lease: Lease
) -> list[dict[str, Any]]:
    """Store frames to look through, with the boxes of who is in each."""
    numbers = preview_frames(source, frames)
    with jobs.storage.scratch() as folder:
        looked_at = pipeline.watched(source, numbers, cancelled=lease.is_lost)
        names = write_previews(looked_at, folder)
        keys = [f"jobs/{job.id}/previews/{name}" for name in names]
        for name, key in zip(names, keys, strict=True):
            jobs.storage.put_at(key, folder / name)
    return [
        {
            "frame": number,
            "time": round(float(number / source.fps), 3),
            "key": key,
            "boxes": boxes_at(persons, number),
        }
        for number, key in zip(numbers, keys, strict=True)
    ]


def _look_again(jobs: Jobs, segment_id: str, lease: Lease) -> None:
    """Detections that were there are damaged or gone: that segment and this one wait again."""
    with jobs.database.write() as session:
        if segment := session.get(Segment, segment_id):
            segment.state, segment.key, segment.done_frames = "waiting", None, 0
    lease.give_back()


def _render(jobs: Jobs, job: Job, lease: Lease) -> None:
    segment = lease.segment
    # Named by the row: one that a cancelled run leaves is not taken for one of the next.
    key = f"jobs/{job.id}/segments/{segment.id}.mp4"
    with _spec_of(jobs, job) as spec, jobs.storage.scratch() as folder:
        file = folder / "segment.mp4"
        engine = engine_for(spec.source, settings.precision)
        lease.start_clock()
        pipeline.render_segment(
            spec, segment.start, segment.stop, file, engine, lease.progress, lease.is_lost
        )
        jobs.storage.put_at(key, file)
    _finish(jobs, lease, key)


def _stitch(jobs: Jobs, job: Job, lease: Lease) -> None:
    key = f"jobs/{job.id}/{lease.segment.id}.mp4"
    with _spec_of(jobs, job) as spec:
        untouched = [stretch.to_dict() for stretch in not_animated(spec)]
        # A run before this one may have come as far as the result.
        if not jobs.storage.exists(key):
            _join(jobs, job, spec, key)

    def record(_session: Session, job: Job) -> None:
        job.result_key, job.not_animated = key, untouched

    _finish(jobs, lease, key, record)
    jobs.storage.delete_folder(f"jobs/{job.id}/segments")


def _join(jobs: Jobs, job: Job, spec: RenderSpec, key: str) -> None:
    segments = [segment for segment in job.segments if segment.step == "render"]
    with ExitStack() as stack:
        folder = stack.enter_context(jobs.storage.scratch())
        files = [stack.enter_context(jobs.storage.local(str(segment.key))) for segment in segments]
        pipeline.stitch(spec, files, folder / "result.mp4", signing.certificate(settings))
        jobs.storage.put_at(key, folder / "result.mp4")


def _finish(
    jobs: Jobs,
    lease: Lease,
    key: str | None = None,
    record: Callable[[Session, Job], None] | None = None,
) -> None:
    """Mark the segment as done, or remove what it made for a job that is not wanted any more."""
    if lease.finish(key, record):
        return
    with jobs.database.read() as session:
        job = session.get(Job, lease.segment.job_id)
    if job is None or job.state == "cancelled":
        jobs.storage.delete_folder(f"jobs/{lease.segment.job_id}")


def _detections(jobs: Jobs, job: Job) -> DetectionCache:
    return DetectionCache(jobs.storage.address(f"detections/{job.source.sha256}"))


@contextmanager
def _opened(jobs: Jobs, job: Job) -> Iterator[Source]:
    with jobs.storage.local(job.source.key) as path:
        yield source_of(job, path)


@contextmanager
def _spec_of(jobs: Jobs, job: Job) -> Iterator[RenderSpec]:
    """The job as a spec, its files on this machine."""
    with ExitStack() as stack:
        source = stack.enter_context(_opened(jobs, job))
        voices = tuple(
            VoiceTrack(
                path=stack.enter_context(jobs.storage.local(voice.upload.key)),
                person=voice.person or 1,
                duration=Fraction(voice.duration),
                start=start_of(voice.start),
                gain=voice.gain,
            )
            for voice in job.voices
        )
        persons_file = stack.enter_context(jobs.storage.local(persons_key(job.id)))
        yield RenderSpec(source, voices, tuple(from_csv(Path(persons_file).read_text())))
