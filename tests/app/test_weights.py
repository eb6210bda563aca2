"""Weights are fetched from the system page by whoever runs the program, and nobody else."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import checkpoints
from jobs import downloads
from jobs.records import Download

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
FETCH = "/system/weights/s3fd/fetch"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing but what ships is here."""
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path / "weights"))
    entries = json.loads(checkpoints.MANIFEST.read_text())
    entries["s3fd"]["file"] = "not-here.pth"
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    monkeypatch.setenv("MOUTH_MANIFEST", str(tmp_path / "manifest.json"))
    return tmp_path / "weights"


def token(client: FlaskClient) -> dict[str, str]:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get("/").text)
    return {"form_token": found[1] if found else ""}


def download(app: Flask) -> Download | None:
    return downloads.by_name(app.extensions["jobs"].database).get("s3fd")


def test_the_page_tells_what_is_here_what_is_missing_and_where_it_comes_from(
    client: FlaskClient,
) -> None:
    page = client.get("/system").text
    for said in (
        "research use (face-alignment)",
        "www.adrianbulat.com",
        "85.7\N{NO-BREAK SPACE}MB",
    ):
        assert said in page
    assert 'aria-label="Fetch s3fd"' in page
    assert 'aria-label="Fetch compact"' not in page


def test_who_runs_the_program_asks_for_weights_and_may_think_better_of_it(
    app: Flask, client: FlaskClient
) -> None:
    form = token(client)
    answer = client.post(FETCH, data=form)
    assert (answer.status_code, answer.location) == (303, "/system#weights")
    assert download(app).state == "waiting"
    page = client.get("/system").text
    assert "Fetching s3fd." in page
    assert 'aria-label="Cancel fetching s3fd"' in page
    client.post("/system/weights/s3fd/cancel", data=form)
    assert download(app).state == "cancelled"
    assert 'aria-label="Fetch s3fd"' in client.get("/system").text


def test_progress_and_failures_are_shown(app: Flask, client: FlaskClient) -> None:
    client.post(FETCH, data=token(client))
    database = app.extensions["jobs"].database
    with database.write() as session:
        row = session.get_one(Download, "s3fd")
        row.done, row.total = 3 << 20, 4 << 20
    page = client.get("/system").text
    assert 'value="3145728" max="4194304"' in page
    assert "3\N{NO-BREAK SPACE}MB of 4\N{NO-BREAK SPACE}MB" in page
    with database.write() as session:
        row = session.get_one(Download, "s3fd")
        row.state = "failed"
        row.error = {"code": "download-failed", "message": "No answer.", "remedy": "Online?"}
    assert "<strong>No answer.</strong> Online?" in client.get("/system").text


def test_nobody_else_may(app: Flask, client: FlaskClient) -> None:
    form = token(client)
    for way in ({"environ_overrides": ELSEWHERE}, {"headers": {"X-Forwarded-For": "192.0.2.7"}}):
        assert "Fetch s3fd" not in client.get("/system", **way).text
        assert client.post(FETCH, data=form, **way).status_code == 403
    assert client.post(FETCH, data={}).status_code == 403, "a form of another site"
    assert download(app) is None


def test_the_operator_decides_who_may(site: Callable[..., Flask]) -> None:
    everybody = site(fetching="all").test_client()
    assert "Fetch s3fd" in everybody.get("/system", environ_overrides=ELSEWHERE).text
    nobody = site(fetching="off").test_client()
    assert "Fetch s3fd" not in nobody.get("/system").text
    assert nobody.post(FETCH, data=token(nobody)).status_code == 403


def test_unknown_weights_are_named(client: FlaskClient) -> None:
    answer = client.post("/system/weights/nothing/fetch", data=token(client))
    assert answer.status_code == 422
    assert "There is no checkpoint called" in answer.text
