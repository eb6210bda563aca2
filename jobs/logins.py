"""Logins with the site's password: each lasts until it is ended, or the password is changed."""

import hashlib
import secrets
import time

import sqlalchemy as sa

from jobs.database import Database
from jobs.records import Login

LIFETIME = 365 * 86_400.0  # seconds


def begin(database: Database, password: str) -> str:
    """Write a login down and return its secret, for the visitor's cookie.

    `password` is a digest of the password that it was made with.
    """
    secret = secrets.token_urlsafe(32)
    now = time.time()
    with database.write() as session:
        session.execute(sa.delete(Login).where(Login.created < now - LIFETIME))
        session.add(Login(sha256=_digest(secret), password=password, created=now))
    return secret


def is_open(database: Database, secret: str, password: str) -> bool:
    """Whether a login has not ended, and was made with this password."""
    found = sa.select(Login.created).where(
        Login.sha256 == _digest(secret), Login.password == password
    )
    with database.read() as session:
        created = session.scalar(found)
    return created is not None and created > time.time() - LIFETIME


def end(database: Database, secret: str) -> None:
    """Let a login count no more, wherever its cookie may be."""
    with database.write() as session:
        session.execute(sa.delete(Login).where(Login.sha256 == _digest(secret)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
