"""Short transactions on SQLite or PostgreSQL, and the way to the newest tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from jobs.records import Record

BUSY_MILLISECONDS = 30_000
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The jobs' database. A session lives for a few rows, never while frames are worked on."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        if self.sqlite:
            if self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            # An SQLite connection costs next to nothing and must not survive a fork.
            self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = sa.create_engine(self.url, pool_pre_ping=True)
        # One option tells `_begin_sqlite` to take the write lock at the start: a transaction that
        # reads first and writes later would fail, not wait, if another wrote in between.
        self._writing = self.engine.execution_options(writing=True)

    @property
    def sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; its objects stay usable afterwards."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that is committed at the end and rolled back by an exception."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables to the newest version; several processes may do it at once."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._writing.begin() as connection:
            if not self.sqlite:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7068)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def differences(self) -> list[Any]:
        """What the tables lack against the records; empty when they are the newest."""
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        with self.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return compare_metadata(context, Record.metadata)


def insert(session: Session, record: type[Record]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which each of the two databases spells for itself."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(record)
    return postgresql.insert(record)


def advisory_lock(session: Session, name: str) -> None:
    """Keep other transactions that lock the same name waiting until this one ends.

    On SQLite there is only one writing transaction at a time anyway.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(name))))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite` alone
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
