"""What is next for a job: read from its rows, told to the workers by messages.

The rows are the truth. A message may be lost, doubled or late, and `advance` may be called at any
time, by any process, twice at once: it marks what it sends in the rows, under the database's lock.
"""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from kombu.exceptions import OperationalError
from sqlalchemy.exc import OperationalError as DatabaseBusy
from sqlalchemy.orm import Session

from face_detection.persons import Person
from jobs import errors, face_search, health, logs, metrics
from jobs.queue import ENGINE, LIGHT
from jobs.records import FINAL, Job, Segment
from jobs.service import Jobs
from media.errors import NamedError
from rendering.spec import plan
from workers.job_spec import JobOutline, outline_of
from workers.lease import fail, fail_job, put_back
from workers.person_selection import assign_speakers, has_points, load_persons


class Step(NamedTuple):
    """A step's task and queue, and the most seconds that a frame of a megapixel may take."""

    task: str
    queue: str
    seconds_per_frame: float


# In the order in which a job takes them.
STEPS = {
    "detect": Step("workers.detect_segment", ENGINE, 10.0),
    "link": Step("workers.link_persons", LIGHT, 0.5),
    "render": Step("workers.render_segment", ENGINE, 10.0),
    "stitch": Step("workers.stitch", LIGHT, 0.5),
}
LEAST_LIMIT = 300.0  # seconds that any step may take
# Seconds that a run has to renew a lease that was found expired: the clock may have jumped, the
# computer slept, or the database been locked meanwhile.
SUSPECT_GRACE = 5.0


class Message(NamedTuple):
    """A segment to be worked on, as the queue takes it; `seconds` is the step's time limit."""

    task: str
    segment_id: str
    queue: str
    seconds: float


def advance(jobs: Jobs, job_id: str, short_queues: Sequence[str] = ()) -> None:
    """Bring a job to its next state and send what is to be done.

    Messages sent long ago to one of the `short_queues` are taken for lost, and sent again.
    """
    messages = _next_messages(jobs, job_id, short_queues)
    if messages is None:  # a point at a face is looked up in a file, outside of any transaction
        persons = load_persons(jobs, job_id)
        messages = _next_messages(jobs, job_id, short_queues, persons) or []
    for task, segment_id, queue, seconds in messages:
        jobs.queue.enqueue(task, segment_id, queue=queue, seconds=seconds)


def _next_messages(
    jobs: Jobs,
    job_id: str,
    short_queues: Sequence[str],
    persons: Sequence[Person] | None = None,
) -> list[Message] | None:
    """What is to be sent for a job, its rows changed accordingly; None if that needs `persons`."""
    with jobs.database.write() as session:
        job = session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in FINAL:
            return []
        before, due = job.state, list[Segment]()
        try:
            outline = outline_of(job)
            pixels = math.prod(outline.source.size)  # a crop that leaves nothing fails here
            seconds = jobs.settings.segment_seconds
            segments = _present_segments(session, job, outline, seconds, persons)
            if segments is None:
                return None
            session.flush()  # gives new segments their ids
            due = _due(jobs, session, job, segments, short_queues)
        except NamedError as error:
            fail(job, error)
        if job.state != before:
            logs.log("job-state", job=job.id, state=job.state)
            if job.state == "done":
                metrics.count(session, "jobs", "done")
        if job.state in FINAL:
            return []
        for segment in due:
            segment.state = "sent"
            segment.lease_until = time.time() + jobs.settings.sweep_seconds
        return [_message(segment, pixels) for segment in due]


def _present_segments(
    session: Session,
    job: Job,
    outline: JobOutline,
    seconds: float,
    persons: Sequence[Person] | None,
) -> list[Segment] | None:
    """All segments of the step that a job is at, made if there were none; sets the job's state.

    Segments last about `seconds`. Empty where there is nothing to do now; None where a voice's
    speaker has to be looked up in `persons`, which were not given.
    """
    searched, frames, fps = outline.frames_to_detect, outline.result_frames, outline.source.fps
    _plan_detection(session, job, plan(searched, fps, seconds))
    _plan(job, "link", [(0, max(1, searched))])
    if segments := _unfinished(job, "detect") or _unfinished(job, "link"):
        job.state = "detecting"
        return segments
    if persons is None and has_points(job):
        return None
    if not assign_speakers(job, outline, persons or ()):
        job.state = "choosing"
        return []
    _plan(job, "render", plan(frames, fps, seconds))
    if segments := _unfinished(job, "render"):
        begun = any(segment.state in ("running", "done") for segment in segments)
        job.state = "rendering" if begun else "queued"
        return segments
    _plan(job, "stitch", [(0, frames)])
    if segments := _unfinished(job, "stitch"):
        job.state = "finishing"
        return segments
    job.state = "done"
    return []


def sweep(jobs: Jobs) -> None:
    """Look after every job and search that has not ended: none may wait for a lost message."""
    try:
        short = [queue for queue in (LIGHT, ENGINE) if _is_short(jobs, queue)]
    except OperationalError as error:
        logs.log("broker-away", error=error)
        return
    with jobs.database.read() as session:
        waiting = list(session.scalars(sa.select(Job.id).where(Job.state.not_in(FINAL))))
    for job_id in waiting:
        try:
            advance(jobs, job_id, short)
        except DatabaseBusy as error:  # the next sweep comes soon
            logs.log("advance-later", job=job_id, error=error.orig)
        except Exception:  # one unforeseen failure must not keep other jobs waiting
            logs.failure("advance-error", job=job_id)
            fail_job(jobs, job_id, errors.internal_error())
    face_search.send_lost(jobs, ENGINE in short)


def _plan(job: Job, step: str, ranges: Sequence[tuple[int, int]]) -> None:
    """Make the segments of a step, if it has none yet."""
    if not any(segment.step == step for segment in job.segments):
        job.segments.extend(
            Segment(step=step, index=index, start=start, stop=stop, state="waiting")
            for index, (start, stop) in enumerate(ranges)
        )


def _plan_detection(session: Session, job: Job, ranges: Sequence[tuple[int, int]]) -> None:
    """Make the segments of detection; more of them if voices were chosen that last longer."""
    known = [segment for segment in job.segments if segment.step == "detect"]
    if known and ranges[-1][1] > max(segment.stop for segment in known):
        for segment in list(job.segments):
            if segment.step == "link" or (segment.start, segment.stop) not in ranges:
                job.segments.remove(segment)
        job.persons.clear()
        for voice in job.voices:
            voice.person = None
        session.flush()
        kept = {(s.start, s.stop) for s in job.segments}
        job.segments.extend(
            Segment(step="detect", index=index, start=start, stop=stop, state="waiting")
            for index, (start, stop) in enumerate(ranges)
            if (start, stop) not in kept
        )
    _plan(job, "detect", ranges)


def _unfinished(job: Job, step: str) -> list[Segment]:
    """All segments of a step; none of them once all are done."""
    segments = [segment for segment in job.segments if segment.step == step]
    return segments if any(segment.state != "done" for segment in segments) else []


def _due(
    jobs: Jobs,
    session: Session,
    job: Job,
    segments: Sequence[Segment],
    short_queues: Sequence[str],
) -> list[Segment]:
    """The segments of a step to send now, after those that were lost have been put back."""
    if not segments:
        return []
    queue = STEPS[segments[0].step].queue
    for segment in segments:
        if segment.state == "running" and _has_expired(segment, jobs.settings.lease_seconds):
            if segment.suspect:
                put_back(job, segment, errors.worker_crashed())
            else:
                segment.suspect, segment.lease_until = True, time.time() + SUSPECT_GRACE
        elif (
            segment.state == "sent"
            and _has_expired(segment, jobs.settings.sweep_seconds)
            and queue in short_queues
        ):
            put_back(job, segment, None)
    under_way = sum(segment.state in ("sent", "running") for segment in segments)
    waiting = [segment for segment in segments if segment.state == "waiting"]
    return waiting[: max(0, _most_under_way(session, queue) - under_way)]


def _message(segment: Segment, pixels: int) -> Message:
    step = STEPS[segment.step]
    return Message(step.task, segment.id, step.queue, time_limit(segment, pixels))


def time_limit(segment: Segment, pixels: int) -> float:
    """Seconds after which the work on a segment, of frames of `pixels` pixels, is given up."""
    each = STEPS[segment.step].seconds_per_frame * max(1.0, pixels / 1e6)
    return LEAST_LIMIT + each * (segment.stop - segment.start)


def _has_expired(segment: Segment, longest: float) -> bool:
    """Whether a lease has expired; one that lasts longer than any can is shortened.

    It was taken before the clock was set back, and would otherwise never end.
    """
    left = segment.lease_until - time.time()
    if left > longest + SUSPECT_GRACE:
        segment.lease_until = time.time() + longest
    return left <= 0


def _most_under_way(session: Session, queue: str) -> int:
    """How many messages of one job may be under way: enough for each worker to have the next at
    hand, and no more, so that those of other jobs come between.
    """
    return max(1, len(health.live_workers(session, queue))) + 1


def _is_short(jobs: Jobs, queue: str) -> bool:
    """Whether fewer messages wait in a queue than were sent, so that some are lost."""
    steps = [name for name, step in STEPS.items() if step.queue == queue]
    sent = sa.select(sa.func.count()).where(Segment.state == "sent", Segment.step.in_(steps))
    with jobs.database.read() as session:
        searches = face_search.count_sent(session) if queue == ENGINE else 0
        return jobs.queue.length(queue) < (session.scalar(sent) or 0) + searches
