"""The sender of webhooks: each delivery is made at least once, and again later if it failed.

It runs in the scheduler's process, so that no step of a job waits for another server. The rows
tell what is due; an attempt without an outcome, because its process was killed, is due again when
its lease has expired.
"""

import json
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from jobs import logs, metrics, representation, webhook_url, webhooks
from jobs.records import Delivery, Job
from jobs.service import WHOLE_JOB, Jobs
from media.errors import NamedError
from workers.webhook_transport import post

SENDER_THREADS = 3
POLL_SECONDS = 1.0  # seconds between two queries when nothing is due
LEASE_SECONDS = 60.0  # seconds after which an attempt that was begun is taken for lost
GONE = 410  # the one status that says: never again


class WebhookSender:
    """Several threads that post, no two for one owner: a slow server delays no other owner's."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._stop_requested = threading.Event()
        self._claiming = threading.Lock()
        self._busy: set[str] = set()  # owners to whose webhooks a thread is posting

    def start(self) -> None:
        for number in range(SENDER_THREADS):
            name = f"webhook-sender-{number}"
            threading.Thread(target=self._send_until_stopped, name=name, daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop_requested.set()

    def deliver(self) -> bool:
        """Make the delivery that is due longest; False if none is due."""
        with self._claiming:
            attempt = claim(self._jobs, self._busy)
            if attempt is None:
                return False
            self._busy.add(attempt.job.owner)
        try:
            record_outcome(self._jobs, attempt, send(self._jobs, attempt))
        finally:
            self._busy.discard(attempt.job.owner)
        return True

    def _send_until_stopped(self) -> None:
        while not self._stop_requested.is_set():
            try:
                busy = self.deliver()
            except OperationalError as error:  # the row is due again when its lease has expired
                logs.log("webhook-sender-waits", error=error.orig)
                busy = False
            except Exception:  # one unforeseen failure must not keep other deliveries waiting
                logs.failure("webhook-sender-error")
                busy = False
            if not busy:
                self._stop_requested.wait(POLL_SECONDS)


@dataclass(frozen=True)
class Attempt:
    """One attempt at a delivery, with the job as it is now."""

    id: str
    event: str
    created: float
    attempts: int
    job: Job


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: without an error it is delivered. `final` asks for no more of them."""

    error: NamedError | None = None
    final: bool = False


def claim(jobs: Jobs, busy: Collection[str] = ()) -> Attempt | None:
    """Take the delivery that is due longest, of no owner who is `busy`; None if none is due."""
    now = time.time()
    # What is due later than any wait lasts was written down before the clock was set back.
    due = sa.or_(Delivery.due <= now, Delivery.due > now + LEASE_SECONDS + webhooks.MAX_DELAY)
    first = sa.select(Delivery.id).join(Job, Job.id == Delivery.job_id).order_by(Delivery.due)
    with jobs.database.read() as session:
        found = session.scalar(first.where(due, Job.owner.not_in(busy)).limit(1))
    if found is None:
        return None
    with jobs.database.write() as session:
        query = sa.select(Delivery).where(Delivery.id == found, due).with_for_update()
        if (row := session.scalar(query)) is None:
            return None
        if row.attempts >= webhooks.MAX_ATTEMPTS:  # the last attempt has no outcome
            row.due = None
            return None
        row.attempts, row.due = row.attempts + 1, now + LEASE_SECONDS
        job = session.get_one(Job, row.job_id, options=WHOLE_JOB)
        return Attempt(row.id, row.event, row.created, row.attempts, job)


def send(jobs: Jobs, attempt: Attempt) -> Outcome:
    """Post the job as it stands now, signed if there is a secret."""
    told = attempt.job.webhook or {}
    body = json.dumps(
        {
            "id": attempt.id,
            "event": attempt.event,
            "created": representation.iso_time(attempt.created),
            "job": representation.job(jobs, attempt.job),
        }
    ).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mouth-animation/{version('mouth-animation')}",
        "X-Mouth-Event": attempt.event,
        "X-Mouth-Delivery": attempt.id,
    }
    if secret := told.get("secret"):
        headers["X-Mouth-Signature"] = webhooks.signature(secret, body, int(time.time()))
    try:
        where = webhook_url.parse(told["url"], jobs.settings.webhook_allow)
        status = post(where, body, headers)
    except NamedError as error:
        return Outcome(error)
    return Outcome() if 200 <= status < 300 else Outcome(_refused(status), final=status == GONE)


def record_outcome(jobs: Jobs, attempt: Attempt, outcome: Outcome) -> None:
    """Write down how an attempt ended, unless another has begun meanwhile."""
    with jobs.database.write() as session:
        row = session.get(Delivery, attempt.id, with_for_update=True)
        if row is None or row.attempts != attempt.attempts:
            return
        now = time.time()
        wait = webhooks.retry_delay(row.attempts)
        if outcome.error is None:
            row.delivered, row.due, row.error, how = now, None, None, "delivered"
        else:
            row.error = outcome.error.as_dict()
            row.due = None if outcome.final or wait is None else now + wait
            how = "given-up" if row.due is None else "failed"
        metrics.count(session, "webhooks", how)
    logs.log(f"webhook-{how}", job=attempt.job.id, tells=attempt.event, attempts=attempt.attempts)


def _refused(status: int) -> NamedError:
    return NamedError(
        "webhook-refused",
        f"It was answered with {status}.",
        "The address must answer with a status from 200 to 299, and does not redirect.",
    )
