"""What is next for a job: read from its rows, told to the workers by messages.

The rows are the truth. A message may be lost, doubled or late, and `advance` may be called at any
time, by anybody, twice at once: it marks what it sends in the rows, under the database's lock.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from kombu.exceptions import OperationalError
from sqlalchemy.exc import OperationalError as DatabaseBusy
from sqlalchemy.orm import Session

from jobs import errors, health, logs, metrics
from jobs.queue import ENGINE, LIGHT
from jobs.records import FINAL, Job, Segment
from jobs.service import Jobs
from media.errors import NamedError
from rendering.spec import frames_of_result, frames_to_detect, plan
from workers import person_selection
from workers.job_spec import ends_of, source_of
from workers.lease import fail, fail_job, put_back

# The steps of a job in their spec: who does them, and how many seconds a frame of a megapixel may
# take at the very most.
STEPS = {
    "detect": ("workers.detect_segment", ENGINE, 10.0),
    "link": ("workers.link_persons", LIGHT, 0.5),
    "render": ("workers.render_segment", ENGINE, 10.0),
    "stitch": ("workers.stitch", LIGHT, 0.5),
}
LEAST_LIMIT = 300.0  # seconds that any step may take
# What a run that lives has for renewing a lease that was found run out: the clock may have jumped,
# the computer slept, or the database been locked meanwhile.
SUSPICION = 5.0


def advance(jobs: Jobs, job_id: str, short_queues: Sequence[str] = ()) -> None:
    """Bring a job to its next state and send what is to be done.

    Messages sent long ago to one of the `short_queues` are taken for lost, and sent again.
    """
    person_selection.resolve(jobs, job_id)
    with jobs.database.write() as session:
        job = session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in FINAL:
            return
        before = job.state
        due: list[Segment] = []
        try:
            if step := _present_step(jobs, session, job):
                session.flush()
                due = _due(jobs, session, job, step, short_queues)
        except NamedError as error:
            fail(job, error)
        if job.state != before:
            logs.log("job-state", job=job.id, state=job.state)
            if job.state == "done":
                metrics.count(session, "jobs", "done")
        if job.state in FINAL:
            return
        for segment in due:
            segment.state = "sent"
            segment.lease_until = time.time() + jobs.settings.sweep_seconds
        pixels = math.prod(source_of(job, Path(job.source.key)).size)
    for segment in due:
        task, queue, _ = STEPS[segment.step]
        jobs.queue.enqueue(task, segment.id, queue=queue, seconds=limit(segment, pixels))


def limit(segment: Segment, pixels: int) -> float:
    """Seconds after which the work on a segment, of frames of so many pixels, is given up."""
    each = STEPS[segment.step][2] * max(1.0, pixels / 1e6)
    return LEAST_LIMIT + each * (segment.stop - segment.start)


def sweep(jobs: Jobs) -> None:
    """Look after every job that has not ended: nothing may wait for a message that was lost."""
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
        except Exception:  # one job that nobody foresaw must not keep the others waiting
            logs.failure("advance-error", job=job_id)
            fail_job(jobs, job_id, errors.internal_error())


def _present_step(jobs: Jobs, session: Session, job: Job) -> str | None:
    """The step the job is at, its segments made; None if there is nothing to do now."""
    source = source_of(job, Path(job.source.key))
    _, _ = source.size  # a crop that leaves nothing is told before any work
    ends = ends_of(job)
    seconds = jobs.settings.segment_seconds
    searched = frames_to_detect(source, ends)
    _plan_detection(session, job, plan(searched, source.fps, seconds))
    _plan(job, "link", [(0, max(1, searched))])
    if step := _unfinished(job, "detect", "link"):
        job.state = "detecting"
        return step
    if not _everybody_chosen(job):
        job.state = "choosing"
        return None
    frames = frames_of_result(source, ends)
    _plan(job, "render", plan(frames, source.fps, seconds))
    if _unfinished(job, "render"):
        begun = any(s.step == "render" and s.state in ("running", "done") for s in job.segments)
        job.state = "rendering" if begun else "queued"
        return "render"
    _plan(job, "stitch", [(0, frames)])
    if _unfinished(job, "stitch"):
        job.state = "finishing"
        return "stitch"
    job.state = "done"
    return None


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


def _unfinished(job: Job, *steps: str) -> str | None:
    """The first of the steps that is not done."""
    for step in steps:
        if any(s.step == step and s.state != "done" for s in job.segments):
            return step
    return None


def _everybody_chosen(job: Job) -> bool:
    """Whether it is known who speaks each voice. Raises NamedError no-such-person."""
    numbers = [person.number for person in job.persons]
    for voice in job.voices:
        if voice.person is None and len(numbers) == 1:
            voice.person = numbers[0]
        if voice.person is not None and voice.person not in numbers:
            raise errors.no_such_person(voice.person, numbers)
    return all(voice.person is not None for voice in job.voices)


def _due(
    jobs: Jobs, session: Session, job: Job, step: str, short_queues: Sequence[str]
) -> list[Segment]:
    """The segments to send now, after those that were lost have been put back."""
    segments = [segment for segment in job.segments if segment.step == step]
    queue = STEPS[step][1]
    for segment in segments:
        if segment.state == "running" and _has_run_out(segment, jobs.settings.lease_seconds):
            if segment.suspect:
                put_back(job, segment, errors.worker_crashed())
            else:
                segment.suspect, segment.lease_until = True, time.time() + SUSPICION
        elif (
            segment.state == "sent"
            and _has_run_out(segment, jobs.settings.sweep_seconds)
            and queue in short_queues
        ):
            put_back(job, segment, None)
    under_way = sum(segment.state in ("sent", "running") for segment in segments)
    waiting = [segment for segment in segments if segment.state == "waiting"]
    return waiting[: max(0, _in_flight(session, queue) - under_way)]


def _has_run_out(segment: Segment, longest: float) -> bool:
    """Whether a lease is over; one that lasts longer than any can is shortened.

    It was taken before the clock was set back, and would otherwise never end.
    """
    left = segment.lease_until - time.time()
    if left > longest + SUSPICION:
        segment.lease_until = time.time() + longest
    return left <= 0


def _in_flight(session: Session, queue: str) -> int:
    """How many messages of one job may be under way: enough for each worker to have the next at
    hand, and no more, so that those of other jobs come between.
    """
    return max(1, len(health.heard(session, queue))) + 1


def _is_short(jobs: Jobs, queue: str) -> bool:
    """Whether fewer messages wait in a queue than were sent, so that some are lost."""
    steps = [step for step, (_, where, _) in STEPS.items() if where == queue]
    sent = sa.select(sa.func.count()).where(Segment.state == "sent", Segment.step.in_(steps))
    with jobs.database.read() as session:
        return jobs.queue.length(queue) < (session.scalar(sent) or 0)
