"""The Celery tasks: each takes one segment, does its step, marks it, and lets the job advance."""

from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import OperationalError

from jobs import disk_space, errors, logs
from jobs.face_search import TASK as FIND_FACES
from jobs.records import Job
from jobs.service import Jobs
from media.errors import NamedError
from rendering.progress import Cancelled
from workers import execute, face_search
from workers.application import app, open_jobs
from workers.dispatch import advance
from workers.lease import Lease, end_process
from workers.recovery import recover_lost_files


@app.task(name="workers.detect_segment")
def detect_segment(segment_id: str) -> None:
    _perform(segment_id, execute.detect)


@app.task(name="workers.link_persons")
def link_persons(segment_id: str) -> None:
    _perform(segment_id, execute.link)


@app.task(name="workers.render_segment")
def render_segment(segment_id: str) -> None:
    _perform(segment_id, execute.render)


@app.task(name="workers.stitch")
def stitch(segment_id: str) -> None:
    _perform(segment_id, execute.stitch)


@app.task(name=FIND_FACES)
def find_faces(upload_id: str) -> None:
    """Look for faces in an upload; what goes wrong is written down, and not tried again."""
    jobs, reliable = open_jobs(), True
    try:
        upload = face_search.claim(jobs, upload_id)
    except OperationalError as error:  # the sweeper sends the message again
        logs.log("not-claimed", error=error.orig)
        return
    if upload is None:
        return
    outcome: face_search.Found | NamedError
    try:
        disk_space.require_for_work(jobs.settings)
        outcome = face_search.find_faces(jobs, upload)
    except Exception as error:
        outcome, reliable = _failure(error, upload_id)
    face_search.finish(jobs, upload_id, outcome)
    if not reliable:
        end_process()


def _failure(error: Exception, upload_id: str) -> tuple[NamedError, bool]:
    """What to say of an error of a search, and whether the process is reliable after it."""
    if is_out_of_time(error):
        return errors.not_searched("took-too-long"), False
    if isinstance(error, NamedError):
        return error, True
    if isinstance(error, FileNotFoundError):  # the upload was deleted, or its file is lost
        return errors.not_searched("file-gone"), True
    if named := errors.from_os_error(error):
        return named, True
    logs.failure("search-error", upload=upload_id)
    return errors.not_searched("internal-error"), False


def _perform(segment_id: str, work: Callable[[Jobs, Job, Lease], None]) -> None:
    """Do the work of a segment that no other run has or has done, and let its job advance."""
    jobs = open_jobs()
    try:
        lease = Lease.claim(jobs, segment_id)
    except OperationalError as error:  # nothing is begun: the sweeper sends the message again
        logs.log("not-claimed", error=error.orig)
        return
    if lease is None:
        return
    job_id = lease.segment.job_id
    reliable = True  # whether this process can be trusted with the next segment
    try:
        disk_space.require_for_work(jobs.settings)
        with lease:
            work(jobs, jobs.job(job_id), lease)
    except Cancelled:
        lease.give_back()
    except Exception as error:
        reliable = _handle(error, jobs, lease)
    except BaseException:  # the worker is being stopped: another may go on at once
        lease.give_back()
        raise
    advance(job_id)
    if not reliable:
        end_process()


def _handle(error: Exception, jobs: Jobs, lease: Lease) -> bool:
    """Fail the job, or put the segment back, as an error asks for; whether the process is reliable.

    The error may be named, a time limit, a full disk, a lost file, or unforeseen. A time limit may
    have struck in the middle of anything, such as an import; after an unforeseen error a GPU, for
    one, does nothing more for the process that broke on it.
    """
    job_id, step = lease.segment.job_id, lease.segment.step
    if is_out_of_time(error):
        lease.give_back(errors.took_too_long())
        return False
    if isinstance(error, NamedError):
        lease.fail(error)
        return True
    if named := errors.from_os_error(error):
        logs.log("storage-error", job=job_id, step=step, error=type(error).__name__)
        lease.fail(named)
        return True
    try:
        recovered = isinstance(error, FileNotFoundError) and recover_lost_files(jobs, job_id)
    except NamedError as gone:
        lease.fail(gone)
        return True
    if not recovered:
        logs.failure("segment-error", job=job_id, step=step)
    lease.give_back(None if recovered else errors.internal_error())
    return recovered


def is_out_of_time(error: BaseException | None) -> bool:
    """Whether the time limit is behind an error: a reader that it struck in the middle of a file
    may have taken it for a fault of the file.
    """
    while error and not isinstance(error, SoftTimeLimitExceeded):
        error = error.__cause__ or error.__context__
    return error is not None
