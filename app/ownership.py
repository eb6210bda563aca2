"""Ownership: for other clients an upload or job does not exist (404, not 403).

It is checked here before any view runs, so that a new endpoint cannot forget it: an `<id>` in a
route is always that of a job, an `<upload>` that of an upload, a `<transfer>` that of a transfer.
"""

import re

import sqlalchemy as sa
from flask import Flask, request
from sqlalchemy.orm import Mapped

from app.identity import known_visitor
from app.jobs_access import jobs
from jobs.errors import not_found
from jobs.records import Job, Transfer, Upload

_ID = re.compile("[0-9a-f]{32}")


def init_app(app: Flask) -> None:
    app.before_request(_require_owner)


def _require_owner() -> None:
    named = request.view_args or {}
    if id := named.get("id"):
        check_owner(id)
    if id := named.get("upload"):
        _check(id, "upload", Upload.id, Upload.owner)
    if id := named.get("transfer"):
        _check(id, "transfer", Transfer.id, Transfer.owner)


def check_owner(job_id: str) -> None:
    """Raises NamedError not-found unless it is the job of who is asking."""
    _check(job_id, "job", Job.id, Job.owner)


def _check(id: str, what: str, ids: Mapped[str], owners: Mapped[str]) -> None:
    if not _ID.fullmatch(id):  # a database may stumble over what is none
        raise not_found(what)
    owner = known_visitor()
    with jobs().database.read() as session:
        if owner is None or session.scalar(sa.select(owners).where(ids == id)) != owner:
            raise not_found(what)
