"""Limits of uploads: of one client within an hour, and of all clients at the same time."""

import threading

from flask import Flask, current_app, g, request

from app.identity import client_key, visitor
from app.jobs_access import jobs
from jobs import disk_space, limits, rate_limit

# Where a file begins to come, and where what comes may be as large as a file.
NEW_UPLOAD = {
    "api.create_upload",
    "api.create_sample",
    "api.reuse_result",
    "api.begin_transfer",
    "forms.create",
    "forms.try_sample",
}
UPLOADING = NEW_UPLOAD - {"api.begin_transfer"} | {"api.append_to_transfer"}
_RETRY_AFTER = 5  # seconds after which a busy server is asked again


def init_app(app: Flask) -> None:
    """Let `app` refuse what is too much before any of it is read."""
    most = app.extensions["jobs"].settings.uploads_at_once
    app.extensions["upload_slots"] = threading.BoundedSemaphore(most) if most else None
    app.before_request(_check)
    app.teardown_request(_release_slot)


def _check() -> None:
    """Raises `jobs.rate_limit.RetryLater` (too-often, busy), and NamedError
    `too-much-stored`, `disk-full`.
    """
    if request.endpoint in NEW_UPLOAD:
        _check_file()
    if request.endpoint in UPLOADING or request.endpoint == "api.finish_transfer":
        _acquire_slot()


def _check_file() -> None:
    settings, database = jobs().settings, jobs().database
    rate_limit.count(
        database, f"upload {client_key()}", settings.uploads_per_hour, "Files were sent"
    )
    with database.read() as session:
        coming = request.content_length or 0
        disk_space.require_for_upload(settings, database, coming)
        limits.check_bytes(session, visitor(), coming, settings.bytes_per_client)


def _acquire_slot() -> None:
    places: threading.BoundedSemaphore | None = current_app.extensions["upload_slots"]
    if places is None:
        return
    if not places.acquire(blocking=False):
        raise rate_limit.RetryLater(
            "busy", "Too many files are being received.", "Try again in a moment.", _RETRY_AFTER
        )
    g.place = places


def _release_slot(_error: BaseException | None) -> None:
    if place := g.pop("place", None):
        place.release()
