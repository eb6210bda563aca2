"""Telling a program how its job goes on: what is to be told, how it is signed, when it is tried.

What is to be told is written down in the transaction that changes the job, so that nothing is
forgotten and nothing is told that never happened. `workers.webhook_sender` carries it out.
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

TOLD = (*FINAL, "choosing")  # the states that somebody waits for
SHORTEST_SECRET, LONGEST_SECRET = 16, 255  # characters

MOST_ATTEMPTS = 10
FIRST_WAIT, LONGEST_WAIT = 10.0, 4 * 3600.0  # seconds


@dataclass(frozen=True)
class Webhook:
    """Whom to tell, and the secret that signs what is told."""

    url: str
    secret: str | None = None

    def record(self, allowed: str) -> dict[str, Any]:
        """What a job keeps of it. Raises NamedError `bad-webhook`."""
        webhook_url.parse(self.url, allowed)
        if self.secret is not None and not SHORTEST_SECRET <= len(self.secret) <= LONGEST_SECRET:
            raise NamedError(
                "bad-webhook",
                "The webhook's secret cannot be used.",
                f"Give {SHORTEST_SECRET} to {LONGEST_SECRET} random characters.",
            )
        return asdict(self)


def signature(secret: str, body: bytes, seconds: int) -> str:
    """The header X-Mouth-Signature: HMAC-SHA256 (RFC 2104) over `seconds`, a dot, and the body.

    `seconds` is when it is sent, since 1970: so that what was overheard cannot be sent again later.
    """
    signed = f"{seconds}.".encode() + body
    return f"t={seconds},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def wait(attempts: int) -> float | None:
    """Seconds until the next try after so many that failed; None when it is given up.

    10 s, 30 s, 90 s and so on, never more than four hours: eleven hours all together.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    return float(min(FIRST_WAIT * 3 ** (attempts - 1), LONGEST_WAIT))


@event.listens_for(Job.state, "set", active_history=True)
def _note(job: Job, state: str, before: str, _: sa.orm.attributes.AttributeEventToken) -> None:
    """Wherever a state changes, so that no new way for a job to end can forget to tell of it."""
    session = object_session(job)
    # From a failure to the question leads an answer only: nobody is asked again by that.
    answered = state == "choosing" and before == "failed"
    if session and job.webhook and state in TOLD and state != before and not answered:
        session.add(Delivery(job_id=job.id, event=f"job.{state}"))
