"""The jobs of the application that answers this request."""

import time
from typing import cast

import sqlalchemy as sa
from flask import current_app

from jobs.records import FINAL, Job
from jobs.service import UNDO_SECONDS, WHOLE_JOB, Jobs

LISTED = 200  # jobs that one page shows


def jobs() -> Jobs:
    return cast(Jobs, current_app.extensions["jobs"])


def jobs_of(owner: str) -> list[Job]:
    """A visitor's jobs, the newest first, LISTED at most."""
    present = (Job.owner == owner, Job.discarded.is_(None))
    query = sa.select(Job).where(*present).order_by(Job.created.desc()).limit(LISTED)
    with jobs().database.read() as session:
        return list(session.scalars(query.options(*WHOLE_JOB)))


def ended_jobs_of(owner: str) -> list[str]:
    """The ids of all of a visitor's jobs that have ended."""
    present = (Job.owner == owner, Job.discarded.is_(None))
    query = sa.select(Job.id).where(*present, Job.state.in_(FINAL))
    with jobs().database.read() as session:
        return list(session.scalars(query))


def discarded_jobs_of(owner: str) -> list[Job]:
    """A visitor's jobs that were just discarded and can be restored, the last one first."""
    undoable = Job.discarded > time.time() - UNDO_SECONDS
    query = sa.select(Job).where(Job.owner == owner, undoable).order_by(Job.discarded.desc())
    with jobs().database.read() as session:
        return list(session.scalars(query.options(*WHOLE_JOB)))
