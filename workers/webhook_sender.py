"""Carries out what webhooks are to be told: at least once each, later again if nobody answers.

It lives where the clock does, so that no step of a job ever waits for somebody else's server. The
rows tell what is due; a try that is never settled, because the process was killed, is due again
when its lease is over.
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

HANDS = 3
EVERY = 1.0  # seconds between two looks when nothing is due
LEASE = 60.0  # seconds after which a try that was begun is taken for lost
GONE = 410  # the one status that says: never again


class Messenger:
    """Several hands that post, no two for one owner: a slow server delays nobody else."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._over = threading.Event()
        self._choosing = threading.Lock()
        self._busy: set[str] = set()  # the owners for whom a hand is at work

    def start(self) -> None:
        for number in range(HANDS):
            threading.Thread(target=self._work, name=f"messenger-{number}", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more."""
        self._over.set()

    def deliver(self) -> bool:
        """Try what is due longest; False if nothing is."""
        with self._choosing:
            errand = claim(self._jobs, self._busy)
            if errand is None:
                return False
            self._busy.add(errand.job.owner)
        try:
            settle(self._jobs, errand, carry_out(self._jobs, errand))
        finally:
            self._busy.discard(errand.job.owner)
        return True

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                busy = self.deliver()
            except OperationalError as error:  # the row is due again when its lease is over
                logs.log("messenger-waits", error=error.orig)
                busy = False
            except Exception:  # one delivery that nobody foresaw must not keep the others waiting
                logs.failure("messenger-error")
                busy = False
            if not busy:
                self._over.wait(EVERY)


@dataclass(frozen=True)
class Errand:
    """One try of a delivery, with the job as it stands now."""

    id: str
    event: str
    created: float
    attempts: int
    job: Job


@dataclass(frozen=True)
class Outcome:
    """How a try went: without an error it is delivered. `final` asks for no more of them."""

    error: NamedError | None = None
    final: bool = False


def claim(jobs: Jobs, busy: Collection[str] = ()) -> Errand | None:
    """Take what is due longest and belongs to nobody who is `busy`; None if there is nothing."""
    now = time.time()
    # What is due later than any wait lasts was written down before the clock was set back.
    due = sa.or_(Delivery.due <= now, Delivery.due > now + LEASE + webhooks.MAX_DELAY)
    first = sa.select(Delivery.id).join(Job, Job.id == Delivery.job_id).order_by(Delivery.due)
    with jobs.database.read() as session:
        found = session.scalar(first.where(due, Job.owner.not_in(busy)).limit(1))
    if found is None:
        return None
    with jobs.database.write() as session:
        query = sa.select(Delivery).where(Delivery.id == found, due).with_for_update()
        if (row := session.scalar(query)) is None:
            return None
        if row.attempts >= webhooks.MAX_ATTEMPTS:  # the last try was never settled
            row.due = None
            return None
        row.attempts, row.due = row.attempts + 1, now + LEASE
        job = session.get_one(Job, row.job_id, options=WHOLE_JOB)
        return Errand(row.id, row.event, row.created, row.attempts, job)


def carry_out(jobs: Jobs, errand: Errand) -> Outcome:
    """Post the job as it stands now, signed if there is a secret."""
    told = errand.job.webhook or {}
    body = json.dumps(
        {
            "id": errand.id,
            "event": errand.event,
            "created": representation.iso_time(errand.created),
            "job": representation.job(jobs, errand.job),
        }
    ).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"mouth-animation/{version('mouth-animation')}",
        "X-Mouth-Event": errand.event,
        "X-Mouth-Delivery": errand.id,
    }
    if secret := told.get("secret"):
        headers["X-Mouth-Signature"] = webhooks.signature(secret, body, int(time.time()))
    try:
        where = webhook_url.parse(told["url"], jobs.settings.webhook_allow)
        status = post(where, body, headers)
    except NamedError as error:
        return Outcome(error)
    return Outcome() if 200 <= status < 300 else Outcome(_refused(status), final=status == GONE)


def settle(jobs: Jobs, errand: Errand, outcome: Outcome) -> None:
    """Write down how a try went, unless another has begun meanwhile."""
    with jobs.database.write() as session:
        row = session.get(Delivery, errand.id, with_for_update=True)
        if row is None or row.attempts != errand.attempts:
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
    logs.log(f"webhook-{how}", job=errand.job.id, tells=errand.event, attempts=errand.attempts)


def _refused(status: int) -> NamedError:
    return NamedError(
        "webhook-refused",
        f"It was answered with {status}.",
        "The address must answer with a status from 200 to 299, and does not redirect.",
    )
