"""Retention: deletes expired jobs, unused uploads, and what killed processes left behind.

Everything here may run at any time, beside running jobs and uploads, and twice at once.
"""

import time
from collections.abc import Container, Iterable

import sqlalchemy as sa

from jobs import disk_space, errors, logs, metrics
from jobs.records import FINAL, Job, Upload, Voice, Worker
from jobs.resumable_uploads import Transfers
from jobs.service import UNDO_SECONDS, Jobs
from jobs.settings import Settings
from jobs.storage import ABANDONED_AFTER, StoredFile
from media.errors import NamedError

DAY = 86_400.0
HOUR = 3600.0
RESTING = ("choosing", *FINAL)  # states in which nobody works on a job
LATE_SECONDS = 5.0  # an undo in the last second is still on its way
GRACE = ABANDONED_AFTER  # a file without a row may belong to an upload that is just being made


def expires_at(job: Job, settings: Settings) -> float | None:
    """When a job will be deleted, in seconds since 1970; None while it works, or if never."""
    if not settings.retention_days or job.state not in RESTING:
        return None
    return job.updated + settings.retention_days * DAY


def tidy(jobs: Jobs, now: float | None = None) -> dict[str, int]:
    """Delete what has expired or is orphaned; returns the count of each kind.

    `now`, in seconds since 1970, is the moment against which ages are measured.
    """
    now = time.time() if now is None else now
    removed = {
        "jobs": _expired_jobs(jobs, now),
        "uploads": _unused_uploads(jobs, now),
        "folders": _orphaned_folders(jobs),
        "scratch": jobs.storage.clear_scratch(now),
        "transfers": Transfers(jobs).clear(now),
    }
    files = list(jobs.storage.find())
    removed["files"] = _orphaned_files(jobs, files, now)
    _missing_results(jobs, {file.key for file in files})
    with jobs.database.write() as session:
        disk_space.record_stored_bytes(session, sum(file.bytes for file in files), now)
        session.execute(sa.delete(Worker).where(Worker.seen < now - HOUR))
        for what, number in removed.items():
            if number:
                metrics.count(session, "removed", what, number)
    if any(removed.values()):
        logs.log("tidied", job=None, **removed)
    return removed


def delete_discarded(jobs: Jobs, now: float | None = None) -> int:
    """Delete the jobs whose owners cannot undo it any more; their count. `now` is as in `tidy`."""
    now = time.time() if now is None else now
    # The clock may have been set back since.
    old, future = now - UNDO_SECONDS - LATE_SECONDS, now + UNDO_SECONDS
    return _delete_jobs(jobs, sa.or_(Job.discarded < old, Job.discarded > future))


def _expired_jobs(jobs: Jobs, now: float) -> int:
    settings = jobs.settings
    if not settings.retention_days:
        return 0
    rests = Job.state.in_(RESTING)
    return _delete_jobs(jobs, rests & (Job.updated < now - settings.retention_days * DAY))


def _delete_jobs(jobs: Jobs, which: sa.ColumnElement[bool]) -> int:
    with jobs.database.read() as session:
        ids = list(session.scalars(sa.select(Job.id).where(which)))
    for job_id in ids:
        try:
            jobs.delete(job_id)
        except NamedError as error:  # its owner was faster
            logs.log("not-deleted", job=job_id, code=error.code)
    return len(ids)


def _unused_uploads(jobs: Jobs, now: float) -> int:
    if not jobs.settings.unused_hours:
        return 0
    used = sa.union(sa.select(Job.source_id), sa.select(Voice.upload_id))
    old = sa.select(Upload.id).where(
        Upload.created < now - jobs.settings.unused_hours * HOUR, Upload.id.not_in(used)
    )
    with jobs.database.read() as session:
        ids = list(session.scalars(old))
    for upload_id in ids:
        try:
            jobs.delete_upload(upload_id)
        except NamedError as error:  # a job has come to use it, or it is gone
            logs.log("not-removed", upload=upload_id, code=error.code)
    return len(ids)


def _orphaned_folders(jobs: Jobs) -> int:
    """Delete what was made for a job, or found in an upload, that is not there any more."""
    # The folders first: whatever has one now has had its row before.
    folders = {top: jobs.storage.names(top) for top in ("jobs", "detections")}
    with jobs.database.read() as session:
        known = {
            "jobs": set(session.scalars(sa.select(Job.id))),
            "detections": set(session.scalars(sa.select(Upload.sha256))),
        }
    gone = [f"{top}/{name}" for top in folders for name in folders[top] - known[top]]
    for folder in gone:
        jobs.storage.delete_folder(folder)
    return len(gone)


def _orphaned_files(jobs: Jobs, files: Iterable[StoredFile], now: float) -> int:
    """Delete uploads without a row, and what a run that was too late put beside a result."""
    with jobs.database.read() as session:
        uploads = set(session.scalars(sa.select(Upload.key)))
        done = sa.select(Job.id, Job.result_key).where(Job.state == "done")
        results: dict[str, str | None] = dict(session.execute(done).all())
    removed = 0
    for file in files:
        top, _, rest = file.key.partition("/")
        result = results.get(rest.partition("/")[0])
        if file.modified > now - GRACE:
            continue
        if top == "uploads" and file.key not in uploads:
            removed += jobs.remove_unclaimed(file.key)
        elif top == "jobs" and result and file.key.endswith(".mp4") and file.key != result:
            jobs.storage.delete(file.key)
            removed += 1
    return removed


def _missing_results(jobs: Jobs, files: Container[str]) -> None:
    """Let a job whose result is gone say so, and make it again when asked to."""
    with jobs.database.read() as session:
        done = sa.select(Job.id, Job.result_key).where(Job.state == "done")
        missing = [id for id, key in session.execute(done) if key not in files]
    for job_id in missing:
        with jobs.database.write() as session:
            job = session.get(Job, job_id, with_for_update=True)
            if job is None or job.state != "done" or jobs.storage.exists(job.result_key or ""):
                continue
            job.state, job.error, job.result_key = "failed", errors.result_gone().as_dict(), None
            for segment in job.segments:
                if segment.step in ("render", "stitch"):
                    segment.state, segment.key = "waiting", None
        logs.log("result-gone", job=job_id)
