"""Tokens of programs: each is an owner of jobs as a visitor is. They are kept as hashes only."""

import hashlib
import secrets
import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from jobs.database import Database
from jobs.records import Token
from media.errors import NamedError

PREFIX = "mouth_"  # so that whoever finds one in a file knows what it is
LONGEST_NAME = 100
_MINUTE = 60.0


def create(database: Database, name: str) -> str:
    """Make a token and give it: nobody will ever be able to show it again.

    Raises NamedError `bad-name`, `token-exists`.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise NamedError(
            "bad-name",
            f"A token cannot be called {name!r}.",
            f"Give a name of 1 to {LONGEST_NAME} printable characters.",
        )
    token = PREFIX + secrets.token_urlsafe(32)
    try:
        with database.write() as session:
            session.add(Token(name=name, sha256=_digest(token)))
    except IntegrityError:
        raise NamedError(
            "token-exists",
            f"There is a token called {name!r} already.",
            "Give another name, or revoke that one first.",
        ) from None
    return token


def find(database: Database, token: str) -> Token | None:
    """The record of a token that somebody shows, and a note that it was used; None if none is."""
    with database.read() as session:
        record = session.scalar(sa.select(Token).where(Token.sha256 == _digest(token)))
    now = time.time()
    if record and now - (record.used or 0) > _MINUTE:
        with database.write() as session:
            session.execute(sa.update(Token).where(Token.id == record.id).values(used=now))
    return record


def everyone(database: Database) -> list[Token]:
    """All tokens, the oldest first."""
    with database.read() as session:
        return list(session.scalars(sa.select(Token).order_by(Token.created)))


def revoke(database: Database, name: str) -> None:
    """Let a token in no more; what it made stays. Raises NamedError `not-found`."""
    with database.write() as session:
        record = session.scalar(sa.select(Token).where(Token.name == name))
        if record is None:
            raise NamedError(
                "not-found", f"There is no token called {name!r}.", "See `mouth token list`."
            )
        session.delete(record)


def owner(record: Token) -> str:
    """What the token's jobs and uploads carry as their owner; no visitor's number has a colon."""
    return f"token:{record.id}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
