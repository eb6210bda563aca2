"""Idempotency keys: a request that is sent twice with the same key makes one record."""

import time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from jobs.database import insert
from jobs.records import IdempotencyKey
from media.errors import NamedError

KEY_LIFETIME = 7 * 86_400.0  # seconds


def claim(session: Session, key: IdempotencyKey, record_id: str) -> str | None:
    """Take the key for `record_id`; or return the id that an earlier request with it made.

    Of two requests at once the second waits for the first. Raises NamedError `key-reused` for a
    key of a request with another content.
    """
    expired = IdempotencyKey.created < time.time() - KEY_LIFETIME
    session.execute(sa.delete(IdempotencyKey).where(expired))
    row = insert(session, IdempotencyKey).values(
        owner=key.owner,
        key=key.key,
        digest=key.digest,
        record_id=record_id,
        created=time.time(),
    )
    if session.scalar(row.on_conflict_do_nothing().returning(IdempotencyKey.record_id)):
        return None
    earlier = session.get_one(IdempotencyKey, (key.owner, key.key))
    if earlier.digest != key.digest:
        raise NamedError(
            "key-reused",
            "This Idempotency-Key was used for another request.",
            "Make a new key for every new request.",
        )
    return earlier.record_id


def release(session: Session, record_id: str) -> None:
    """Forget the key of a record that is deleted: the same request may make it anew."""
    session.execute(sa.delete(IdempotencyKey).where(IdempotencyKey.record_id == record_id))
