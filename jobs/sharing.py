"""Links to share: a result that is seen by those who have an address that cannot be guessed."""

import secrets

import sqlalchemy as sa

from jobs import errors
from jobs.records import Job
from jobs.service import WHOLE_JOB, Jobs
from media import sandbox


def share(jobs: Jobs, job_id: str) -> Job:
    """Give a finished job an address for others; one that has one keeps it.

    Its poster, the first frame of the result, is made here. Raises NamedError not-found, not-now.
    """
    job = jobs.job(job_id)
    if job.state != "done" or job.result_key is None:
        raise errors.wrong_state(job.state, "shared")
    if job.link_secret is None:
        _make_poster(jobs, job, job.result_key)
        unshared = Job.link_secret.is_(None)  # of two requests at once the first counts
        _set(jobs, job_id, secrets.token_urlsafe(32), unshared)
    return jobs.job(job_id)


def withdraw(jobs: Jobs, job_id: str) -> Job:
    """Let the address lead nowhere."""
    _set(jobs, job_id, None)
    return jobs.job(job_id)


def shared_job(jobs: Jobs, secret: str) -> Job:
    """The finished job with this address. Raises NamedError not-found."""
    present = (Job.link_secret == secret, Job.state == "done", Job.discarded.is_(None))
    with jobs.database.read() as session:
        if job := session.scalar(sa.select(Job).where(*present).options(*WHOLE_JOB)):
            return job
    raise errors.not_found("page")


def poster_key(job: Job) -> str:
    return f"jobs/{job.id}/poster.jpg"


def _make_poster(jobs: Jobs, job: Job, result_key: str) -> None:
    bounds = sandbox.Bounds(jobs.settings.probe_memory, jobs.settings.probe_seconds)
    with jobs.storage.local(result_key) as path, jobs.storage.scratch() as folder:
        (folder / "poster.jpg").write_bytes(sandbox.poster(path, bounds, job.client or job.owner))
        jobs.storage.put_at(poster_key(job), folder / "poster.jpg")


def _set(jobs: Jobs, job_id: str, secret: str | None, *which: sa.ColumnElement[bool]) -> None:
    mine = sa.update(Job).where(Job.id == job_id, *which)
    with jobs.database.write() as session:  # a video is kept no longer for being shared
        session.execute(mine.values(link_secret=secret, updated=Job.updated))
