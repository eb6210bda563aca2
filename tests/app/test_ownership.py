"""Nobody reaches what is not theirs, at any address: new ones are found in the routes themselves.

Ada made a finished job. Bob has a session, a token, or neither, and knows every id.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs import tokens
from jobs.records import Job, Person
from jobs.service import Jobs

JOBS = "/api/v1/jobs"
NOBODY = {"<id>": "0" * 32, "<upload>": "0" * 32, "<transfer>": "0" * 32}
BODIES: dict[str, dict[str, Any]] = {"PUT": {"voices": []}, "POST": {}}
# What belongs to nobody: the site's own files and weights; and what a link is given to others for.
OPEN = {"filename", "checkpoint", "secret"}


@dataclass(frozen=True)
class Address:
    """An address with ids in it, and a method it takes."""

    rule: str
    method: str

    def of(self, known: dict[str, str]) -> str:
        named = known | {"<int:number>": "1"}
        return re.sub(r"<.*?>", lambda found: named[found[0]], self.rule)


def addresses(app: Flask) -> Iterator[Address]:
    for rule in app.url_map.iter_rules():
        if rule.arguments - OPEN:
            assert rule.arguments <= {"id", "upload", "transfer", "number"}, (
                f"whose is {rule}? Teach app.ownership"
            )
            yield from (Address(rule.rule, method) for method in sorted(rule.methods or ()))


def ask(client: FlaskClient, method: str, path: str, token: str | None = None) -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.open(path, method=method, json=BODIES.get(method), headers=headers)


@pytest.fixture
def ada(client: FlaskClient) -> FlaskClient:
    return client


@pytest.fixture
def sample(ada: FlaskClient) -> dict[str, Any]:
    made: dict[str, Any] = ada.post("/api/v1/sample", json={}).get_json()
    return made


@pytest.fixture
def job(app: Flask, ada: FlaskClient, sample: dict[str, Any]) -> str:
    """Ada's job, with something to see at every address."""
    jobs: Jobs = app.extensions["jobs"]
    body = {"source": sample["source"]["id"], "voices": [{"audio": sample["voice"]["id"]}]}
    job_id: str = ada.post(JOBS, json=body).get_json()["id"]
    key = f"jobs/{job_id}/file"
    with jobs.storage.scratch() as folder:
        (folder / "file").write_bytes(b"Ada's own")
        jobs.storage.put_at(key, folder / "file")
    with jobs.database.write() as session:
        record = session.get_one(Job, job_id)
        record.state, record.result_key = "done", key
        record.picture = {"key": key, "width": 512, "height": 512, "frame": 0}
        record.previews = [{"frame": n, "time": n, "key": key, "boxes": []} for n in range(2)]
        record.persons = [Person(number=1, box=[1, 2, 3, 4], frame=0, score=0.9, thumbnail_key=key)]
    return job_id


@pytest.fixture
def known(ada: FlaskClient, sample: dict[str, Any], job: str) -> dict[str, str]:
    """What stands in addresses, and is Ada's."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "9"}
    begun = ada.post("/api/v1/transfers", headers=headers)
    transfer = begun.headers["Location"].rpartition("/")[2]
    return {"<id>": job, "<upload>": sample["source"]["id"], "<transfer>": transfer}


@pytest.fixture(params=["a session", "a token", "nothing"])
def bob(request: pytest.FixtureRequest, app: Flask, stranger: FlaskClient) -> tuple[Any, ...]:
    """A client and a token, as `ask` takes them."""
    if request.param == "a session":
        stranger.post("/api/v1/sample", json={})
    if request.param == "a token":
        return stranger, tokens.create(app.extensions["jobs"].database, "bob")
    return stranger, None


def test_no_address_tells_a_stranger_that_there_is_something(
    app: Flask, ada: FlaskClient, job: str, known: dict[str, str], bob: tuple[Any, ...]
) -> None:
    client, token = bob
    before = ada.get(f"{JOBS}/{job}").get_json()
    tried = list(addresses(app))
    assert len(tried) > 20
    for address in tried:
        real = ask(client, address.method, address.of(known), token)
        made_up = ask(client, address.method, address.of(NOBODY), token)
        assert real.status_code == made_up.status_code == 404, address
        assert real.data == made_up.data, address
        assert b"Ada's own" not in real.data
        assert "There is no such" in made_up.text or address.method == "HEAD"
    assert ada.get(f"{JOBS}/{job}").get_json() == before


def test_the_owner_is_let_in_at_the_same_addresses(
    app: Flask, ada: FlaskClient, known: dict[str, str]
) -> None:
    answers = [ada.get(each.of(known)) for each in addresses(app) if each.method == "GET"]
    assert all(b"no such job" not in each.data for each in answers)
    assert sum(each.status_code == 200 for each in answers) > 5


def test_lists_and_pages_show_nothing_of_others(
    ada: FlaskClient, job: str, sample: dict[str, Any], bob: tuple[Any, ...]
) -> None:
    client, token = bob
    for path in ("/", "/jobs", JOBS):
        answer = ask(client, "GET", path, token)
        assert answer.status_code == 200
        assert job not in answer.text
        assert sample["source"]["id"] not in answer.text
    for query in ("video", "again"):
        assert ask(client, "GET", f"/?{query}={job}", token).status_code == 404
        assert ada.get(f"/?{query}={job}").status_code == 200


def test_uploads_of_others_cannot_be_used(
    ada: FlaskClient, sample: dict[str, Any], bob: tuple[Any, ...]
) -> None:
    client, token = bob
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    own = client.post("/api/v1/sample", json={}, headers=headers).get_json()
    for source, voice in ((sample["source"], own["voice"]), (own["source"], sample["voice"])):
        body = {"source": source["id"], "voices": [{"audio": voice["id"]}]}
        answer = client.post(JOBS, json=body, headers=headers)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")
    body = {"source": own["source"]["id"], "voices": [{"audio": own["voice"]["id"]}]}
    mine = client.post(JOBS, json=body, headers=headers).get_json()["id"]
    voices = {"voices": [{"audio": sample["voice"]["id"], "person": 1}]}
    answer = client.put(f"{JOBS}/{mine}/voices", json=voices, headers=headers)
    assert answer.status_code == 404


def test_a_token_is_an_owner(app: Flask, client: FlaskClient, job: str) -> None:
    token = tokens.create(app.extensions["jobs"].database, "robot")
    headers = {"Authorization": f"Bearer {token}"}
    own = client.post("/api/v1/sample", json={}, headers=headers).get_json()
    body = {"source": own["source"]["id"], "voices": [{"audio": own["voice"]["id"]}]}
    made = client.post(JOBS, json=body, headers=headers)
    assert "Set-Cookie" not in made.headers
    listed = client.get(JOBS, headers=headers).get_json()["jobs"]
    assert [each["id"] for each in listed] == [made.get_json()["id"]]
    assert [each["id"] for each in client.get(JOBS).get_json()["jobs"]] == [job]


@pytest.mark.parametrize("shown", ["", "x", "mouth_x", "mouth_" + "x" * 43, "\xe9"])
def test_a_token_that_is_none_opens_nothing(ada: FlaskClient, job: str, shown: str) -> None:
    answer = ada.get(f"{JOBS}/{job}", headers={"Authorization": f"Bearer {shown}"})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "bad-token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_changed_cookie_is_nobodys(app: Flask, ada: FlaskClient, job: str) -> None:
    cookie = ada.get_cookie("session")
    assert cookie is not None
    for place in (5, len(cookie.value) // 2, -5):
        changed = list(cookie.value)
        changed[place] = "A" if changed[place] != "A" else "B"
        thief = app.test_client()
        thief.set_cookie("session", "".join(changed))
        assert thief.get(f"{JOBS}/{job}").status_code == 404


def test_files_lie_outside_what_the_web_server_shows(
    app: Flask, ada: FlaskClient, job: str
) -> None:
    var = Path(app.extensions["jobs"].settings.var_dir)
    assert not var.is_relative_to(Path(app.static_folder or ""))
    for path in ("../var/secret", "..%2fvar%2fsecret", "%2e%2e/var/mouth.db", f"jobs/{job}/file"):
        assert ada.get(f"/static/{path}").status_code == 404
