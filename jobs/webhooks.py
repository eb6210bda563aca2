"""Webhooks: which events of a job are delivered, how they are signed, when they are retried.

A delivery is a row that is added in the transaction that changes the job (a transactional outbox),
so that no event is lost and none is sent that never happened. `workers.webhook_sender` sends them.
"""

import hashlib
import hmac
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import object_session

from jobs import webhook_url
from jobs.records import FINAL, Delivery, Job
from media.errors import NamedError

NOTIFIED_STATES = (*FINAL, "choosing")  # the states that somebody waits for
MIN_SECRET_LENGTH, MAX_SECRET_LENGTH = 16, 255  # characters

MAX_ATTEMPTS = 10
FIRST_DELAY, MAX_DELAY = 10.0, 4 * 3600.0  # seconds


@dataclass(frozen=True)
class Webhook:
    """Where to POST events, and the secret that signs them."""

    url: str
    secret: str | None = None

    def record(self, allowed: str) -> dict[str, Any]:
        """What a job keeps of it. Raises NamedError `bad-webhook`."""
        webhook_url.parse(self.url, allowed)
        length = MIN_SECRET_LENGTH if self.secret is None else len(self.secret)
        if not MIN_SECRET_LENGTH <= length <= MAX_SECRET_LENGTH:
            raise NamedError(
                "bad-webhook",
                "The webhook's secret cannot be used.",
                f"Give {MIN_SECRET_LENGTH} to {MAX_SECRET_LENGTH} random characters.",
            )
        return asdict(self)


def signature(secret: str, body: bytes, seconds: int) -> str:
    """The header X-Mouth-Signature: HMAC-SHA256 (RFC 2104) over `seconds`, a dot, and the body.

    `seconds` is when it is sent, since 1970: so that what was overheard cannot be sent again later.
    """
    signed = f"{seconds}.".encode() + body
    return f"t={seconds},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def retry_delay(attempts: int) -> float | None:
    """Seconds until the next try after `attempts` that failed; None when it is given up.

    Exponential backoff: 10 s, 30 s, 90 s and so on, at most four hours; eleven hours in all.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return float(min(FIRST_DELAY * 3 ** (attempts - 1), MAX_DELAY))


@event.listens_for(Job.state, "set", active_history=True)
def _add_delivery(
    job: Job, state: str, before: str, _: sa.orm.attributes.AttributeEventToken
) -> None:
    """On every change of a state, so that no code that ends a job can forget the webhook."""
    session = object_session(job)
    # From a failure to the question leads an answer only: nobody is asked again by that.
    answered = state == "choosing" and before == "failed"
    if session and job.webhook and state in NOTIFIED_STATES and state != before and not answered:
        session.add(Delivery(job_id=job.id, event=f"job.{state}"))
