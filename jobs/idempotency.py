"""Requests that may come twice: one with the same key makes nothing a second time."""

import time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs.database import insert
from jobs.records import Receipt
from media.errors import NamedError

KEPT = 7 * 86_400.0  # seconds


def earlier(session: Session, receipt: Receipt, record_id: str) -> str | None:
    """Take the receipt's key for `record_id`, or give the id that the same request had before.

    Of two at once the second waits for the first. Raises NamedError `key-reused`.
    """
    session.execute(sa.delete(Receipt).where(Receipt.created < time.time() - KEPT))
    row = insert(session, Receipt).values(
        owner=receipt.owner,
        key=receipt.key,
        digest=receipt.digest,
        record_id=record_id,
        created=time.time(),
    )
    taken = row.on_conflict_do_nothing().returning(Receipt.record_id)
    if session.scalar(taken):
        return None
    known = session.get_one(Receipt, (receipt.owner, receipt.key))
    if known.digest != receipt.digest:
        raise NamedError(
            "key-reused",
            "This Idempotency-Key was used for another request.",
            "Make a new key for every new request.",
        )
    return known.record_id


def forget(session: Session, record_id: str) -> None:
    """What a receipt stands for is gone: the same request may make it anew."""
    session.execute(sa.delete(Receipt).where(Receipt.record_id == record_id))
