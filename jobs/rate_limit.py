"""How often somebody may do something: counted in the database, so by all processes together."""

import math
import time

import sqlalchemy as sa

from jobs.database import Database, insert
from jobs.records import Tally
from media.errors import NamedError


class Wait(NamedError):
    """Somebody has to wait for `seconds`."""

    def __init__(self, code: str, message: str, remedy: str, seconds: float) -> None:
        super().__init__(code, message, remedy)
        self.seconds = math.ceil(seconds)


def too_often(what: str, seconds: float) -> Wait:
    minutes = math.ceil(seconds / 60)
    again = f"{minutes} minutes" if minutes > 1 else "a minute"
    return Wait("too-often", f"{what} too often from here.", f"Try again in {again}.", seconds)


def count(database: Database, name: str, most: int, what: str, window: float = 3600.0) -> None:
    """Count that `name` was done once more within a window of so many seconds.

    Raises Wait `too-often`, which says `what`, beyond `most` times; 0 is no limit.
    """
    if not most:
        return
    now = time.time()
    over = Tally.until <= now
    with database.write() as session:
        # Only what is long over goes: rows of the present may be locked by somebody who counts.
        session.execute(sa.delete(Tally).where(Tally.until < now - 2 * window))
        row = insert(session, Tally).values(name=name, count=1, until=now + window)
        counted = row.on_conflict_do_update(
            index_elements=[Tally.name],
            set_={
                "count": sa.case((over, 1), else_=Tally.count + 1),
                "until": sa.case((over, now + window), else_=Tally.until),
            },
        ).returning(Tally.count, Tally.until)
        times, until = session.execute(counted).one()
    if times > most:
        raise too_often(what, until - now)


def forget(database: Database, name: str) -> None:
    """Count `name` from the beginning again."""
    with database.write() as session:
        session.execute(sa.delete(Tally).where(Tally.name == name))
