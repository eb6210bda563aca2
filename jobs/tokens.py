"""API tokens: each owns jobs as a visitor does. Only their hashes are stored."""

import hashlib
import secrets
import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from jobs.database import Database
from jobs.records import Token
from media.errors import NamedError

PREFIX = "mouth_"  # so that a token found in a file, or by a secret scanner, is recognised
MAX_NAME_LENGTH = 100
_MINUTE = 60.0


def create(database: Database, name: str) -> str:
    """Make a token and return it: it cannot be shown again, since only its hash is stored.

    Raises NamedError `bad-name`, `token-exists`.
    """
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise NamedError(
            "bad-name",
            f"A token cannot be called {name!r}.",
            f"Give a name of 1 to {MAX_NAME_LENGTH} printable characters.",
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


def authenticate(database: Database, token: str) -> Token | None:
    """The record of a token that a request carries, whose `used` is updated; None if unknown."""
    with database.read() as session:
        record = session.scalar(sa.select(Token).where(Token.sha256 == _digest(token)))
    now = time.time()
    if record and now - (record.used or 0) > _MINUTE:
        with database.write() as session:
            session.execute(sa.update(Token).where(Token.id == record.id).values(used=now))
    return record


def list_all(database: Database) -> list[Token]:
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
