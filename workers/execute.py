"""The work of each step, on a job's files: detect, link, render, stitch."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy.orm import Session

from face_detection.cache import DetectionCache
from face_detection.errors import FaceError
from face_detection.persons import Person, to_csv
from jobs import errors, records, signing
from jobs.records import Job, Segment
from jobs.service import Jobs
from media.encoding import MP4, output_notes
from processes.openmp import thread_count
from rendering.detect import (
    SegmentDetections,
    cached_detections,
    detect_segment,
    detections_key,
)
from rendering.link import link_persons
from rendering.models import detector_for, engine_for
from rendering.render import render_segment
from rendering.spec import RenderSpec, Source
from rendering.speech_notes import speech_notes
from rendering.stitch import stitch as stitch_segments
from rendering.thumbnails import (
    box_in,
    boxes_at,
    preview_frames,
    shown_in,
    write_pictures,
    write_previews,
)
from rendering.visibility import Presence, not_animated, presence
from workers.job_spec import local_source, local_spec
from workers.lease import Lease

THREADS = thread_count(os.environ)  # of this process, for the networks

Record = Callable[[Session, Job], None]


def detect(jobs: Jobs, job: Job, lease: Lease) -> None:
    """Find the faces in the frames of a segment; they go to the detection cache."""
    segment = lease.segment
    with local_source(jobs, job) as source:
        detector = detector_for(source, jobs.settings.detector)
        lease.start_clock()
        detect_segment(source, segment.start, segment.stop, detector, _cache(jobs, job), lease)
        lease.finish(detections_key(source, detector))


def link(jobs: Jobs, job: Job, lease: Lease) -> None:
    """Link the detections of all segments to persons, and store what the face picker shows."""
    cache = _cache(jobs, job)
    parts = []
    for segment in sorted(job.segments, key=lambda segment: segment.start):
        if segment.step == "detect":
            part = cached_detections(cache, segment.key or "", segment.start, segment.stop)
            if part is None:
                _detect_again(jobs, segment.id, lease)
                return
            parts.append(part)
    detections = SegmentDetections.joined(parts)
    searched = len(detections.faces)
    with local_source(jobs, job) as source, jobs.storage.scratch() as folder:
        lease.start_clock()
        try:
            persons = link_persons(source, detections, lease, cache)
        except FaceError as error:
            raise errors.with_box(error) from error
        picture = write_pictures(source, persons, folder)
        previews = _previews(jobs, job, source, persons, searched, lease)
        (folder / "persons.csv").write_text(to_csv(persons))
        for file in sorted(folder.iterdir()):
            jobs.storage.put_at(f"jobs/{job.id}/{file.name}", file)

    def record(_session: Session, job: Job) -> None:
        width, height = source.size
        job.picture = {
            "key": f"jobs/{job.id}/picture.jpg",
            "frame": picture,
            "width": width,
            "height": height,
        }
        job.previews = previews
        job.persons = [
            _person_row(job, person, picture, presence(source, person, max(1, searched)))
            for person in persons
        ]

    _finish(jobs, lease, record=record)


def render(jobs: Jobs, job: Job, lease: Lease) -> None:
    """Render a segment, and store it."""
    segment = lease.segment
    # Named by the row: one that a cancelled run leaves is not taken for one of the next.
    key = f"jobs/{job.id}/segments/{segment.id}.mp4"
    with local_spec(jobs, job) as spec, jobs.storage.scratch() as folder:
        file = folder / "segment.mp4"
        engine = engine_for(spec.source, jobs.settings.precision, THREADS)
        lease.start_clock()
        render_segment(spec, segment.start, segment.stop, file, engine, lease)
        jobs.storage.put_at(key, file)
    _finish(jobs, lease, key)


def stitch(jobs: Jobs, job: Job, lease: Lease) -> None:
    """Stitch the segments into the result, and store it."""
    key = f"jobs/{job.id}/{lease.segment.id}.mp4"
    with local_spec(jobs, job) as spec:
        untouched = [stretch.to_dict() for stretch in not_animated(spec)]
        notes = [*output_notes(MP4, *spec.source.size), *speech_notes(spec)]
        # A run before this one may have come as far as the result.
        if not jobs.storage.exists(key):
            _store_result(jobs, job, spec, key)

    def record(_session: Session, job: Job) -> None:
        job.result_key, job.not_animated, job.notes = key, untouched, notes

    _finish(jobs, lease, key, record)
    jobs.storage.delete_folder(f"jobs/{job.id}/segments")


def _store_result(jobs: Jobs, job: Job, spec: RenderSpec, key: str) -> None:
    segments = [segment for segment in job.segments if segment.step == "render"]
    with ExitStack() as stack:
        folder = stack.enter_context(jobs.storage.scratch())
        files = [stack.enter_context(jobs.storage.local(str(segment.key))) for segment in segments]
        result = folder / "result.mp4"
        stitch_segments(spec, files, result, signing.certificate(jobs.settings))
        jobs.storage.put_at(key, result)


def _previews(
    jobs: Jobs, job: Job, source: Source, persons: Sequence[Person], frames: int, lease: Lease
) -> list[dict[str, Any]]:
    """Store the previews of a video, with the boxes of the persons in each."""
    numbers = preview_frames(source, frames)
    with jobs.storage.scratch() as folder:
        names = write_previews(lease.checked(source.read(numbers)), folder)
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


def _person_row(job: Job, person: Person, picture: int, seen: Presence) -> records.Person:
    frame = shown_in(person, picture)
    return records.Person(
        number=person.id,
        frame=frame,
        box=list(box_in(person, frame)),
        score=person.score,
        thumbnail_key=f"jobs/{job.id}/person-{person.id}.jpg",
        intervals=seen.intervals,
        share=seen.share,
    )


def _detect_again(jobs: Jobs, segment_id: str, lease: Lease) -> None:
    """Let a segment whose detections are damaged or gone wait again, and this one after it."""
    with jobs.database.write() as session:
        if segment := session.get(Segment, segment_id):
            segment.state, segment.key, segment.done_frames = "waiting", None, 0
    lease.give_back()


def _finish(jobs: Jobs, lease: Lease, key: str | None = None, record: Record | None = None) -> None:
    """Mark the segment as done, or remove what it made for a job that was cancelled meanwhile."""
    if lease.finish(key, record):
        return
    with jobs.database.read() as session:
        job = session.get(Job, lease.segment.job_id)
    if job is None or job.state == "cancelled":
        jobs.storage.delete_folder(f"jobs/{lease.segment.job_id}")


def _cache(jobs: Jobs, job: Job) -> DetectionCache:
    return DetectionCache(jobs.storage.address(f"detections/{job.source.sha256}"))
