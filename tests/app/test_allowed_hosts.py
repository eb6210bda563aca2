"""Under which names the site is answered: no page of another site can pass for it."""

from collections.abc import Callable

import pytest
from flask import Flask

from app.allowed_hosts import allowed_names, is_allowed
from jobs.settings import Settings

OWN = allowed_names(Settings(allowed_hosts="mouth.example, .lan"), "Box.office")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "a.localhost", "127.0.0.1:8000", "[::1]:8000", "[::1]",
     "10.0.0.7", "box.office", "BOX.local:8000", "mouth.example.", "mouth.example:443", "tv.lan"],
)  # fmt: skip
def test_own_names_and_addresses_are_known(host: str) -> None:
    assert is_allowed(host, OWN)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example",
     "lan", "notlocalhost", "a.mouth.example", "localhost:8000@evil.example", "[::1].evil.example",
     "", ":80"],
)  # fmt: skip
def test_names_of_others_are_not(host: str) -> None:
    assert not is_allowed(host, OWN)


def test_a_rebound_name_reads_nothing_and_is_no_operator(site: Callable[..., Flask]) -> None:
    client = site().test_client()
    host = {"Host": "evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    for path in ("/", "/metrics", "/healthz", "/nowhere", "/static/style.css", "/api/v1/jobs"):
        answer = client.get(path, headers=host)
        assert answer.status_code == 421, path
        assert "ALLOWED_HOSTS" in answer.text
    answer = client.post("/api/v1/sample", json={}, headers=host)
    assert (answer.status_code, answer.get_json()["code"]) == (421, "wrong-host")
    assert client.get("/metrics").status_code == 200


def test_the_operator_names_others(site: Callable[..., Flask]) -> None:
    named = {"Host": "mouth.example"}
    assert (
        site(allowed_hosts="mouth.example").test_client().get("/", headers=named).status_code == 200
    )
    assert site(allowed_hosts="*").test_client().get("/", headers=named).status_code == 200
    behind = {"Host": "127.0.0.1:8000", "X-Forwarded-Host": "evil.example"}
    assert site(trusted_proxies=1).test_client().get("/", headers=behind).status_code == 421
