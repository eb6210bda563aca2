"""The search for faces in an upload, before there is a job: what its owner can be told at once.

It is advice, which no job depends on: a job looks for its faces itself, and takes from the
detection cache what was found here. `workers.face_search` carries it out, one segment at most.
"""

import time

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from jobs import errors, limits
from jobs.database import advisory_lock
from jobs.queue import ENGINE
from jobs.records import OPEN_SEARCH, FaceSearch, Upload
from jobs.service import Jobs
from media.errors import not_a_face_file

TASK = "workers.find_faces"
TIME_LIMIT = 120.0  # seconds that a search may take
LEASE = TIME_LIMIT + 60.0  # seconds after which one that runs is lost with its worker


def request(jobs: Jobs, upload_id: str) -> FaceSearch:
    """Let faces be looked for in an upload; one that is under way or done is returned as it is.

    Raises NamedError: not-found, not-a-face-file, too-many-jobs.
    """
    with jobs.database.write() as session:
        advisory_lock(session, f"faces {upload_id}")
        upload = session.get(Upload, upload_id)
        if upload is None:
            raise errors.not_found("upload")
        if upload.kind == "audio":
            raise not_a_face_file()
        search = session.get(FaceSearch, upload_id) or FaceSearch(upload_id=upload_id)
        wanted = search.state in (None, "failed")
        if wanted:
            most = jobs.settings.open_jobs_per_client
            limits.check_open_searches(session, upload, most)
            search.state, search.error = "sent", None
            search.lease_until = time.time() + jobs.settings.sweep_seconds
            session.add(search)
    if wanted:
        _send(jobs, upload_id)
    return get(jobs, upload_id)


def get(jobs: Jobs, upload_id: str) -> FaceSearch:
    """The search in an upload, which is loaded with it. Raises NamedError not-found."""
    whole = joinedload(FaceSearch.upload)
    with jobs.database.read() as session:
        if search := session.get(FaceSearch, upload_id, options=[whole]):
            return search
    raise errors.not_found("search for faces")


def cancel(jobs: Jobs, upload_id: str) -> None:
    """Forget the search in an upload: one that has not begun is not carried out."""
    with jobs.database.write() as session:
        session.execute(sa.delete(FaceSearch).where(FaceSearch.upload_id == upload_id))


def count_sent(session: Session) -> int:
    """How many searches have a message in the queue of the engine."""
    sent = sa.select(sa.func.count()).where(FaceSearch.state == "sent")
    return session.scalar(sent) or 0


def send_lost(jobs: Jobs, short: bool) -> None:
    """End the searches whose worker died; send again what is lost, if the queue is `short`.

    It is where fewer messages wait than were sent.
    """
    expired = FaceSearch.lease_until < time.time()
    overdue = (
        sa.select(FaceSearch.upload_id).where(expired, FaceSearch.state.in_(OPEN_SEARCH)).limit(1)
    )
    with jobs.database.read() as session:
        if session.scalar(overdue) is None:
            return
    died = sa.update(FaceSearch).where(expired, FaceSearch.state == "running")
    lost = sa.update(FaceSearch).where(expired, FaceSearch.state == "sent")
    with jobs.database.write() as session:
        error = errors.not_searched("worker-crashed").as_dict()
        session.execute(died.values(state="failed", error=error))
        until = time.time() + jobs.settings.sweep_seconds
        again = lost.values(lease_until=until).returning(FaceSearch.upload_id)
        ids = list(session.scalars(again)) if short else []
    for upload_id in ids:
        _send(jobs, upload_id)


def _send(jobs: Jobs, upload_id: str) -> None:
    jobs.queue.enqueue(TASK, upload_id, queue=ENGINE, seconds=TIME_LIMIT)
