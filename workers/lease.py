"""The lease: the right of one run to work on one segment, renewed while the process lives."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, object_session

from jobs import logs, metrics
from jobs.records import FINAL, Job, Segment, new_id
from jobs.service import Jobs
from media.errors import NamedError
from rendering.progress import Progress

BEAT_SECONDS = 0.5  # how often progress is written, and how soon a cancelled job is noticed
GRACE_SECONDS = 0.5  # for work that is not wanted any more to end by itself
MOST_ATTEMPTS = 3

T = TypeVar("T")


class Lease(Progress):
    """A context manager: within it a thread renews the lease and writes down the progress.

    The work is cancelled when the job was, when it has failed, or when another run took over.
    """

    def __init__(self, jobs: Jobs, segment: Segment) -> None:
        self.segment = segment
        self._jobs = jobs
        self._frames = 0
        self._began = time.monotonic()
        self._lost = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew_regularly, name="lease", daemon=True)

    @classmethod
    def claim(cls, jobs: Jobs, segment_id: str) -> "Lease | None":
        """Take a segment; None if it is done, taken, or its job is over."""
        with jobs.database.write() as session:
            segment = session.get(Segment, segment_id, with_for_update=True)
            if segment is None or segment.state not in ("waiting", "sent"):
                return None
            job = session.get_one(Job, segment.job_id)
            if job.state in FINAL:
                return None
            segment.state, segment.holder = "running", new_id()
            segment.done_frames, segment.suspect = 0, False
            segment.lease_until = time.time() + jobs.settings.lease_seconds
            if job.state == "queued":
                job.state = "rendering"
        return cls(jobs, segment)

    def start_clock(self) -> None:
        """The work itself begins now: what came before says nothing about its speed."""
        self._began = time.monotonic()

    def advance(self, frames: int) -> None:
        self._frames += frames

    def is_cancelled(self) -> bool:
        return self._lost.is_set()

    def __enter__(self) -> "Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def finish(
        self, key: str | None = None, record: Callable[[Session, Job], None] | None = None
    ) -> bool:
        """Mark the segment as done, and `record` what it found in the same transaction.

        The first run counts: one that lost its lease to another has made the same thing. False
        if the job is over meanwhile.
        """
        self._stopped.set()
        if not self._write(lambda session: self._mark_done(session, key, record)):
            return False
        logs.log(
            "segment-done",
            job=self.segment.job_id,
            step=self.segment.step,
            index=self.segment.index,
            frames=self.segment.stop - self.segment.start,
            seconds=self._seconds(),
        )
        return True

    def _mark_done(
        self, session: Session, key: str | None, record: Callable[[Session, Job], None] | None
    ) -> bool:
        job = session.get(Job, self.segment.job_id, with_for_update=True)
        segment = session.get(Segment, self.segment.id)
        if job is None or segment is None or job.state in FINAL:
            return False
        if segment.state != "done":
            segment.state, segment.holder, segment.key = "done", None, key
            segment.done_frames = segment.stop - segment.start
            segment.seconds = self._seconds()
            metrics.observe_step(session, segment.step, segment.seconds, segment.done_frames)
            if record:
                record(session, job)
        return True

    def give_back(self, failure: NamedError | None = None) -> None:
        """Let another run have the segment. With a `failure` it counts as an attempt, and the
        third one fails the job by it.
        """

        def put(session: Session) -> None:
            job = session.get(Job, self.segment.job_id, with_for_update=True)
            segment = session.get(Segment, self.segment.id)
            if job and segment and segment.holder == self.segment.holder:
                put_back(job, segment, failure)

        self._stopped.set()
        self._write(put)

    def fail(self, error: NamedError) -> None:
        """Let the job fail; the segment waits for a retry."""

        def put(session: Session) -> None:
            job = session.get(Job, self.segment.job_id, with_for_update=True)
            segment = session.get(Segment, self.segment.id)
            if job and segment and segment.holder == self.segment.holder:
                put_back(job, segment, None)
                fail(job, error)

        self._stopped.set()
        self._write(put)

    def _write(self, act: Callable[[Session], T]) -> T:
        """Do it in a transaction, tried again until the database takes it.

        Finished work is not thrown away because the database is locked, or its disk full, for a
        while.
        """
        while True:
            try:
                with self._jobs.database.write() as session:
                    return act(session)
            except OperationalError as error:
                logs.log("database-away", job=self.segment.job_id, error=error.orig)
                time.sleep(BEAT_SECONDS)

    def _renew_regularly(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                if not self._renew():
                    self._lost.set()
                    self._end_process_if_stuck()
                    return
            except OperationalError as error:  # the next beat may find the database free
                logs.log("lease-not-renewed", job=self.segment.job_id, error=error.orig)

    def _end_process_if_stuck(self) -> None:
        """End this process if the work does not end by itself: the device is needed by others.

        Some of it cannot be interrupted, such as a detector in a large picture or the joining of
        a long film. The worker starts another process at once.
        """
        if not self._stopped.wait(GRACE_SECONDS):
            logs.log("process-let-go", job=self.segment.job_id, step=self.segment.step)
            end_process()

    def _renew(self) -> bool:
        wanted = sa.exists().where(Job.id == Segment.job_id, Job.state.not_in(FINAL))
        renewal = (
            sa.update(Segment)
            .where(Segment.id == self.segment.id, Segment.holder == self.segment.holder, wanted)
            .values(
                lease_until=time.time() + self._jobs.settings.lease_seconds,
                suspect=False,
                done_frames=self._frames,
                seconds=self._seconds(),
            )
            .execution_options(synchronize_session=False)
        )
        with self._jobs.database.write() as session:
            return session.connection().execute(renewal).rowcount == 1

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def end_process() -> None:
    """End this child of a worker, which starts another one at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def put_back(job: Job, segment: Segment, failure: NamedError | None) -> None:
    """Make a segment wait again; after too many failures its job has failed."""
    segment.state, segment.holder = "waiting", None
    segment.done_frames, segment.seconds, segment.suspect = 0, 0.0, False
    if failure is None:
        return
    segment.attempts += 1
    logs.log(
        "segment-broke",
        job=job.id,
        step=segment.step,
        index=segment.index,
        attempts=segment.attempts,
        code=failure.code,
    )
    metrics.count(_session(job), "broken_segments", failure.code)
    if segment.attempts >= MOST_ATTEMPTS:
        fail(job, failure)


def fail(job: Job, error: NamedError) -> None:
    """A job ends by an error; what is done of it stays, for a retry."""
    if job.state not in FINAL:
        job.state, job.error = "failed", error.as_dict()
        metrics.count(_session(job), "failures", error.code)
        metrics.count(_session(job), "jobs", "failed")
        logs.log("job-failed", job=job.id, code=error.code)


def fail_job(jobs: Jobs, job_id: str, error: NamedError) -> None:
    """`fail` in a transaction of its own; a job that is gone stays gone."""
    with jobs.database.write() as session:
        if job := session.get(Job, job_id, with_for_update=True):
            fail(job, error)


def _session(job: Job) -> Session:
    session = object_session(job)
    if session is None:
        raise ValueError("a job can only be changed within a transaction")
    return session
