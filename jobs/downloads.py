"""Downloads of checkpoints that were requested on the system page: requesting and cancelling them.

`workers.downloader` carries them out, in the process `beat`. Each checkpoint has one row.
"""

import sqlalchemy as sa

import checkpoints
from jobs.database import Database, insert
from jobs.records import Download
from media.errors import NamedError

OPEN = ("waiting", "running")


def request(database: Database, name: str) -> None:
    """Queue the download of a checkpoint, unless it is queued or running already.

    Raises NamedError `checkpoint-missing` for a name that is not listed, or without an address.
    """
    if checkpoints.get(name).url is None:
        raise NamedError(
            "checkpoint-missing",
            f"No address is known for “{name}”.",
            checkpoints.obtain(name),
        )
    fresh = {
        "state": "waiting",
        "done": 0,
        "total": None,
        "error": sa.null(),
        "holder": None,
        "lease_until": 0.0,
    }
    with database.write() as session:
        row = insert(session, Download).values(name=name, **fresh)
        session.execute(
            row.on_conflict_do_update(
                index_elements=[Download.name], set_=fresh, where=Download.state.not_in(OPEN)
            )
        )


def cancel(database: Database, name: str) -> None:
    """Stop a download; what has come so far is kept, and continued by the next request."""
    with database.write() as session:
        open_one = sa.update(Download).where(Download.name == name, Download.state.in_(OPEN))
        session.execute(open_one.values(state="cancelled", holder=None))


def by_name(database: Database) -> dict[str, Download]:
    """The last download of each checkpoint, by its name."""
    with database.read() as session:
        return {row.name: row for row in session.scalars(sa.select(Download))}
