"""Rate limits with a fixed window, counted in the database and so by all processes together."""

import math
import time

import sqlalchemy as sa

from jobs.database import Database, insert
from jobs.records import RateLimitWindow
from media.errors import NamedError


class RetryLater(NamedError):
    """The client is to try again after `seconds`: the Retry-After of the answer."""

    def __init__(self, code: str, message: str, remedy: str, seconds: float) -> None:
        super().__init__(code, message, remedy)
        self.seconds = math.ceil(seconds)


def too_often(what: str, seconds: float) -> RetryLater:
    minutes = math.ceil(seconds / 60)
    again = f"{minutes} minutes" if minutes > 1 else "a minute"
    return RetryLater(
        "too-often", f"{what} too often from here.", f"Try again in {again}.", seconds
    )


def count(database: Database, key: str, limit: int, what: str, window: float = 3600.0) -> None:
    """Count one more request under `key` within a window of `window` seconds.

    Raises RetryLater `too-often` beyond `limit` requests (0 is no limit); its message begins with
    `what`.
    """
    if not limit:
        return
    now = time.time()
    over = RateLimitWindow.until <= now
    with database.write() as session:
        # Only windows long past are removed: rows of the present may be locked by another request.
        session.execute(sa.delete(RateLimitWindow).where(RateLimitWindow.until < now - 2 * window))
        row = insert(session, RateLimitWindow).values(name=key, count=1, until=now + window)
        counted = row.on_conflict_do_update(
            index_elements=[RateLimitWindow.name],
            set_={
                "count": sa.case((over, 1), else_=RateLimitWindow.count + 1),
                "until": sa.case((over, now + window), else_=RateLimitWindow.until),
            },
        ).returning(RateLimitWindow.count, RateLimitWindow.until)
        times, until = session.execute(counted).one()
    if times > limit:
        raise too_often(what, until - now)


def reset(database: Database, key: str) -> None:
    """Start counting under `key` from zero again."""
    with database.write() as session:
        session.execute(sa.delete(RateLimitWindow).where(RateLimitWindow.name == key))
