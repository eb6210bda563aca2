"""Damaged files of every kind are answered with an upload or a named error, and leave nothing."""

import io
from collections import Counter
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.app.fuzz_uploads import DAMAGES, hostile_files, valid_files

UPLOADS = "/api/v1/uploads"


def test_the_files_that_get_damaged_are_accepted_before(client: FlaskClient) -> None:
    for name, content in valid_files().items():
        answer = client.post(UPLOADS, data={"file": (io.BytesIO(content), name)})
        assert answer.status_code == 201, name


def test_damaged_files_break_nothing(app: Flask, client: FlaskClient) -> None:
    app.testing = False  # so that an exception of ours would be answered, as it would be outside
    app.config["PROPAGATE_EXCEPTIONS"] = False
    outcomes: Counter[int] = Counter()
    for name, content in hostile_files(112, seed=7):
        answer = client.post(UPLOADS, data={"file": (io.BytesIO(content), name)})
        outcomes[answer.status_code] += 1
        assert answer.status_code in (201, 413, 415, 422), name
        assert "Traceback" not in answer.text
        if answer.status_code != 201:
            assert answer.get_json()["remedy"]
    assert outcomes[201] > 10  # players forgive much, and so do we
    assert outcomes[422] > 10
    work = Path(app.config["WORK_DIR"])
    assert [path for path in work.rglob("*") if path.is_file()] == []


def test_the_same_seed_makes_the_same_files() -> None:
    assert list(hostile_files(40, seed=3)) == list(hostile_files(40, seed=3))
    names = " ".join(name for name, _ in hostile_files(200))
    assert all(damage.__name__ in names for damage in DAMAGES)
