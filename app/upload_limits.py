"""Limits of uploads: of one client within an hour and at a time, and of all clients at a time."""

from flask import Flask, g, request

from app import transfer_shares
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


def init_app(app: Flask) -> None:
    """Let `app` refuse what is too much before any of it is read."""
    app.before_request(_check)
    app.teardown_request(_release)


def _check() -> None:
    """Raises `jobs.rate_limit.RetryLater` (too-often, busy), and NamedError
    `too-much-stored`, `disk-full`.
    """
    if request.endpoint in NEW_UPLOAD:
        _check_file()
    if request.endpoint in UPLOADING or request.endpoint == "api.finish_transfer":
        g.release = transfer_shares.take(transfer_shares.UPLOADS)


def _check_file() -> None:
    settings, database = jobs().settings, jobs().database
    rate_limit.count(
        database, f"upload {client_key()}", settings.uploads_per_hour, "Files were sent"
    )
    with database.read() as session:
        coming = request.content_length or 0
        disk_space.require_for_upload(settings, database, coming)
        limits.check_bytes(session, visitor(), client_key(), coming, settings.bytes_per_client)


def _release(_error: BaseException | None) -> None:
    if release := g.pop("release", None):
        release()
