"""The jobs of the application that answers this request."""

from typing import cast

import sqlalchemy as sa
from flask import current_app

from jobs.records import FINAL, Job
from jobs.service import WHOLE_JOB, Jobs

LISTED = 200  # jobs that one page shows


def jobs() -> Jobs:
    return cast(Jobs, current_app.extensions["jobs"])


def jobs_of(owner: str) -> list[Job]:
    """A visitor's jobs, the newest first, LISTED at most."""
    query = sa.select(Job).where(Job.owner == owner).order_by(Job.created.desc()).limit(LISTED)
    with jobs().database.read() as session:
        return list(session.scalars(query.options(*WHOLE_JOB)))


def ended_jobs_of(owner: str) -> list[str]:
    """The ids of all of a visitor's jobs that have ended."""
    query = sa.select(Job.id).where(Job.owner == owner, Job.state.in_(FINAL))
    with jobs().database.read() as session:
        return list(session.scalars(query))
