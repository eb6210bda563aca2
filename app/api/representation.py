"""Records as the API shows them, of the application that answers this request."""

from typing import Any

from flask import request

from app.jobs_access import jobs
from jobs import representation
from jobs.records import Job
from jobs.representation import beginning, face_search, upload

__all__ = ["beginning", "face_search", "job", "upload"]


def job(record: Job) -> dict[str, Any]:
    """A job with its source, voices, persons, segments and deliveries loaded."""
    return representation.job(jobs(), record, request.script_root)
