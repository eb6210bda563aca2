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
RESTORING = "api.restore_job"  # where alone a discarded job is still its owner's


def init_app(app: Flask) -> None:
    app.before_request(_require_owner)


def _require_owner() -> None:
    named = request.view_args or {}
    if id := named.get("id"):
        check_owner(id, discarded=request.endpoint == RESTORING)
    if id := named.get("upload"):
        _check(id, "upload", Upload.owner, Upload.id == id)
    if id := named.get("transfer"):
        _check(id, "transfer", Transfer.owner, Transfer.id == id)


def check_owner(job_id: str, discarded: bool = False) -> None:
    """Raises NamedError not-found unless it is the job of who is asking.

    One that is `discarded` is not there, unless that is asked for.
    """
    hidden = () if discarded else (Job.discarded.is_(None),)
    _check(job_id, "job", Job.owner, Job.id == job_id, *hidden)


def _check(id: str, what: str, owners: Mapped[str], *which: sa.ColumnElement[bool]) -> None:
    if not _ID.fullmatch(id):  # a database may stumble over what is none
        raise not_found(what)
    owner = known_visitor()
    with jobs().database.read() as session:
        if owner is None or session.scalar(sa.select(owners).where(*which)) != owner:
            raise not_found(what)
