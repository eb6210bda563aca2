"""The position of a job in the queue, and the estimated time until its turn."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs import health, metrics
from jobs.queue import ENGINE
from jobs.records import Job, Segment

_WAITING = ("uploaded", "detecting", "queued")
_STEPS = ("detect", "render")


@dataclass(frozen=True)
class QueuePosition:
    """1 for the job that is next; `seconds` until its turn, None before a speed is known."""

    position: int
    seconds: float | None


def queue_position(session: Session, job: Job) -> QueuePosition | None:
    """The position of a job whose segments are loaded; None for one that does not wait.

    The segments of all jobs take turns, so only segments that were sent earlier are before it.
    """
    if job.state not in _WAITING or any(each.state == "running" for each in job.segments):
        return None
    step = "render" if job.state == "queued" else "detect"
    mine = [each for each in job.segments if each.step == step and each.state == "sent"]
    if any(each.step == step and each.state == "done" for each in job.segments):
        return None
    sent_at = min((each.lease_until for each in mine), default=None)
    before = Segment.state == "running"
    earlier = Segment.state == "sent"
    if sent_at is not None:
        earlier &= Segment.lease_until < sent_at
    rows = sa.select(Segment).where(
        Segment.job_id != job.id, Segment.step.in_(_STEPS), before | earlier
    )
    ahead = list(session.scalars(rows))
    engines = max(1, len(health.live_workers(session, ENGINE)))
    frame_seconds = metrics.seconds_per_frame(session)
    costs = [
        (each.stop - each.start - each.done_frames) * each_frame
        for each in ahead
        if (each_frame := frame_seconds.get(each.step)) is not None
    ]
    seconds = sum(costs) / engines if len(costs) == len(ahead) else None
    return QueuePosition(1 + len({segment.job_id for segment in ahead}), seconds)
