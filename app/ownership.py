"""What belongs to somebody is there for nobody else: to others it is not found, not forbidden.

One place looks, before any view does, so that a new address cannot forget to: an `<id>` in an
address is always that of a job.
"""

import re

import sqlalchemy as sa
from flask import Flask, request

from app.desk import jobs
from app.visitor import known_visitor
from jobs.errors import not_found
from jobs.records import Job

_ID = re.compile("[0-9a-f]{32}")


def register(app: Flask) -> None:
    app.before_request(_only_the_owner)


def _only_the_owner() -> None:
    if id := (request.view_args or {}).get("id"):
        check_owner(id)


def check_owner(job_id: str) -> None:
    """Raises NamedError not-found unless it is the job of who is asking."""
    if not _ID.fullmatch(job_id):  # a database may stumble over what is none
        raise not_found("job")
    owner = known_visitor()
    with jobs().database.read() as session:
        if owner is None or session.scalar(sa.select(Job.owner).where(Job.id == job_id)) != owner:
            raise not_found("job")
