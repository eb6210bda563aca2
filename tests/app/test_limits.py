"""How much one client may send, have open, and repeat."""

import io
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.errors import STATUS
from jobs import tokens
from jobs.settings import Settings

Site = Callable[..., Flask]

UPLOADS, JOBS, SAMPLE = "/api/v1/uploads", "/api/v1/jobs", "/api/v1/sample"


def upload(client: FlaskClient, path: Path, key: str | None = None, **more: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    data = {"file": (io.BytesIO(path.read_bytes()), path.name)}
    return client.post(UPLOADS, data=data, headers=headers, **more)


def body_of(sample: dict[str, Any]) -> dict[str, Any]:
    return {"source": sample["source"]["id"], "voices": [{"audio": sample["voice"]["id"]}]}


@pytest.fixture
def sample(client: FlaskClient) -> dict[str, Any]:
    made: dict[str, Any] = client.post(SAMPLE, json={}).get_json()
    return made


def test_uploads_of_an_address_are_counted_whoever_it_says_it_is(
    site: Site, short_voice: Path
) -> None:
    app = site(uploads_per_hour=2)
    assert upload(app.test_client(), short_voice).status_code == 201
    assert app.test_client().post(SAMPLE, json={}).status_code == 201
    refused = upload(app.test_client(), short_voice)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too-often")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert upload(app.test_client(), short_voice, environ_base=elsewhere).status_code == 201


def test_an_ipv6_network_is_one_client(site: Site, short_voice: Path) -> None:
    client = site(uploads_per_hour=1).test_client()
    statuses = [
        upload(client, short_voice, environ_base={"REMOTE_ADDR": address}).status_code
        for address in ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4", "2001:db8:1:3::3")
    ]
    assert statuses == [201, 429, 201]


def test_no_address_is_stored(site: Site, short_voice: Path) -> None:
    app = site()
    upload(app.test_client(), short_voice, environ_base={"REMOTE_ADDR": "192.0.2.77"})
    for path in app.extensions["jobs"].settings.var_dir.rglob("mouth.db*"):
        assert b"192.0.2.77" not in path.read_bytes()


def test_a_proxy_is_believed_only_where_it_is_expected(site: Site) -> None:
    def codes(client: FlaskClient) -> list[str]:
        said = ({"X-Forwarded-For": f"192.0.2.{n}"} for n in (1, 2))
        return [client.post(UPLOADS, headers=each).get_json()["code"] for each in said]

    assert codes(site(uploads_per_hour=1, trusted_proxies=1).test_client()) == ["bad-request"] * 2
    assert codes(site(uploads_per_hour=1).test_client()) == ["bad-request", "too-often"]


def test_a_busy_server_says_when_to_come_again(site: Site, short_voice: Path) -> None:
    client = site(uploads_at_once=1).test_client()
    shares = client.application.extensions["uploads"]
    assert shares.acquire({"somebody else"})
    refused = upload(client, short_voice)
    shares.release({"somebody else"})
    assert (refused.status_code, refused.get_json()["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "5"
    for _ in range(2):  # every request gives its place back, also one that fails
        assert upload(client, short_voice).status_code == 201
        assert client.post(UPLOADS, data={}).status_code == 400


def test_bytes_of_a_visitor_and_of_an_address_are_counted(
    site: Site, astronaut_file: Path, short_voice: Path
) -> None:
    size = astronaut_file.stat().st_size + short_voice.stat().st_size - 1
    client = site(bytes_per_client=size).test_client()
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(short_voice.stat().st_size)}
    assert upload(client, astronaut_file).status_code == 201
    for visitor, address in ((client, elsewhere), (client.application.test_client(), {})):
        refused = upload(visitor, short_voice, environ_base=address)
        assert (refused.status_code, refused.get_json()["code"]) == (413, "too-much-stored")
        announced = visitor.post("/api/v1/transfers", headers=tus, environ_base=address)
        assert announced.get_json()["code"] == "too-much-stored"
    new = client.application.test_client()
    assert upload(new, short_voice, environ_base=elsewhere).status_code == 201


def test_open_jobs_of_a_visitor_are_counted(site: Site) -> None:
    client = site(open_jobs_per_client=2).test_client()
    body = body_of(client.post(SAMPLE, json={}).get_json())
    made = [client.post(JOBS, json=body) for _ in range(3)]
    assert [each.status_code for each in made] == [202, 202, 429]
    assert made[2].get_json()["code"] == "too-many-jobs"
    client.post(f"{JOBS}/{made[0].get_json()['id']}/cancel", json={})
    assert client.post(JOBS, json=body).status_code == 202
    again = client.post(f"{JOBS}/{made[0].get_json()['id']}/retry", json={})
    assert (again.status_code, again.get_json()["code"]) == (429, "too-many-jobs")


def test_another_cookie_gives_no_more_jobs(site: Site) -> None:
    app = site(open_jobs_per_client=1)
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    statuses = []
    for address in ({}, {}, elsewhere):
        client = app.test_client()
        body = body_of(client.post(SAMPLE, json={}, environ_base=address).get_json())
        statuses.append(client.post(JOBS, json=body, environ_base=address).status_code)
    assert statuses == [202, 429, 202]


def test_a_repeated_job_is_the_same_job(client: FlaskClient, sample: dict[str, Any]) -> None:
    body, headers = body_of(sample), {"Idempotency-Key": "one"}
    first = client.post(JOBS, json=body, headers=headers)
    second = client.post(JOBS, json=body, headers=headers)
    assert first.status_code == second.status_code == 202
    assert first.get_json() == second.get_json()
    other = client.post(JOBS, json=body, headers={"Idempotency-Key": "two"})
    assert other.get_json()["id"] != first.get_json()["id"]
    assert len(client.get(JOBS).get_json()["jobs"]) == 2


def test_a_repeated_upload_is_the_same_upload(
    client: FlaskClient, short_voice: Path, astronaut_file: Path
) -> None:
    first, second = (upload(client, short_voice, key="one") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.get_json() == second.get_json()
    other = upload(client, astronaut_file, key="one")
    assert (other.status_code, other.get_json()["code"]) == (422, "key-reused")


def test_a_key_is_its_owners_own(
    client: FlaskClient, stranger: FlaskClient, short_voice: Path
) -> None:
    mine, theirs = upload(client, short_voice, "k"), upload(stranger, short_voice, "k")
    assert mine.get_json()["id"] != theirs.get_json()["id"]


def test_what_failed_or_was_deleted_may_be_asked_for_again(
    client: FlaskClient, sample: dict[str, Any], astronaut_file: Path
) -> None:
    body, headers = body_of(sample), {"Idempotency-Key": "one"}
    wrong = client.post(JOBS, json=body | {"options": {"zoom": 1}}, headers=headers)
    assert wrong.status_code == 422
    first = client.post(JOBS, json=body, headers=headers).get_json()["id"]
    client.delete(f"{JOBS}/{first}")
    body = body_of(client.post(SAMPLE, json={}).get_json())
    assert client.post(JOBS, json=body, headers=headers).get_json()["id"] != first
    voice = {"role": "voice"}
    assert upload(client, astronaut_file, "two", query_string=voice).status_code == 422
    assert upload(client, astronaut_file, "two").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "\t"])
def test_a_key_that_is_none_is_refused(
    client: FlaskClient, sample: dict[str, Any], key: str
) -> None:
    answer = client.post(JOBS, json=body_of(sample), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "bad-key")


def test_tokens_are_counted_one_by_one(site: Site, short_voice: Path) -> None:
    client = site(uploads_per_hour=1).test_client()
    database = client.application.extensions["jobs"].database
    for name in ("one", "two"):
        headers = {"Authorization": f"Bearer {tokens.create(database, name)}"}
        data = [{"file": (io.BytesIO(short_voice.read_bytes()), "v.wav")} for _ in range(2)]
        sent = [client.post(UPLOADS, data=each, headers=headers) for each in data]
        assert [each.status_code for each in sent] == [201, 429]


def test_what_the_documentation_says_of_limits_is_so() -> None:
    text = Path("docs/security.md").read_text()
    table = text.split("| setting |")[1].split("\n\n")[0]
    settings = {field.name.upper() for field in fields(Settings)}
    assert set(re.findall(r"`([A-Z_]+)`", table)) <= settings
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", text)) - {"VAR_DIR"} <= settings
    for status, code in re.findall(r"(\d{3}) `([a-z-]+)`", table):
        assert STATUS[code] == int(status), code
