"""When a job's turn comes: how many are before it, and for how long."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs import health
from jobs.queue import ENGINE
from jobs.records import Counter, Job, Segment

_WAITING = ("uploaded", "detecting", "queued")
_STEPS = ("detect", "render")


@dataclass(frozen=True)
class Outlook:
    """The place in the queue, 1 for who is next, and seconds until its turn where that is known."""

    position: int
    seconds: float | None


def outlook(session: Session, job: Job) -> Outlook | None:
    """Of a job with its segments loaded; None when it does not wait for others.

    The pieces of all jobs take turns, so before it are only those pieces that were sent before.
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
    engines = max(1, len(health.heard(session, ENGINE)))
    paces = {step: _pace(session, step) for step in {segment.step for segment in ahead}}
    costs = [
        (each.stop - each.start - each.done_frames) * pace
        for each in ahead
        if (pace := paces[each.step]) is not None
    ]
    seconds = sum(costs) / engines if len(costs) == len(ahead) else None
    return Outlook(1 + len({segment.job_id for segment in ahead}), seconds)


def _pace(session: Session, step: str) -> float | None:
    """Seconds a frame of a step takes, by all that were done; None before the first."""
    value = sa.select(Counter.value).where(Counter.label == step, Counter.bound == "")
    frames = session.scalar(value.where(Counter.name == "frames"))
    spent = session.scalar(value.where(Counter.name == "step_seconds_sum"))
    return spent / frames if frames and spent is not None else None
