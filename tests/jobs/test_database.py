import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from jobs.database import Database
from jobs.records import Segment, Upload


def upload(name: str) -> Upload:
    return Upload(owner="me", sha256="0", key="k", name=name, kind="audio", bytes=3 << 31, info={})


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/new folder/mouth.db")
    database.migrate()
    return database


def test_the_migrations_lead_to_the_records_as_they_are(database: Database) -> None:
    assert database.differences() == []


def test_several_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mouth.db"
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            Database(url).migrate()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Database(url).differences() == []


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail_half_way() -> None:
        with database.write() as session:
            session.add(upload("half"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with database.read() as session:
        assert session.scalars(sa.select(Upload)).all() == []


def test_writers_wait_for_each_other_and_lose_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(first := upload("0"))

    def count_up() -> None:
        for _ in range(20):
            with database.write() as session:
                row = session.get_one(Upload, first.id)
                row.name = str(int(row.name) + 1)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(Upload, first.id).name == "80"
        assert session.get_one(Upload, first.id).bytes == 3 << 31


def test_a_row_cannot_refer_to_what_is_not_there(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Segment(job_id="nobody", step="detect", index=0, start=0, stop=1))
