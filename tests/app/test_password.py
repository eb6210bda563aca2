"""A site with a password: nothing is seen without it but the question."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from jobs import tokens

PASSWORD = "open sesame \N{LATIN SMALL LETTER E WITH ACUTE}"
Site = Callable[..., Flask]
OPEN = {"static", "password.login_form", "password.login"}


@pytest.fixture
def client(site: Site) -> FlaskClient:
    return site(site_password=PASSWORD).test_client()


def log_in(client: FlaskClient, password: str, next_page: str = "/jobs") -> TestResponse:
    page = client.get("/login").text
    (token,) = re.findall(r'name="form_token" value="([^"]+)"', page)
    data = {"password": password, "form_token": token, "next": next_page}
    return client.post("/login", data=data)


def test_every_address_asks_first(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        if rule.endpoint in OPEN or rule.endpoint.startswith("operation."):
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in rule.methods or ():
            answer = client.open(path, method=method, json={})
            asked = answer.status_code in (302, 401)
            assert asked, f"{method} {path}: {answer.status_code}"
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login")


def test_programs_are_told_and_people_are_asked(client: FlaskClient) -> None:
    refused = client.get("/api/v1/jobs")
    assert (refused.status_code, refused.get_json()["code"]) == (401, "password-needed")
    assert client.get("/jobs?x=1").headers["Location"] == "/login?next=/jobs?x%3D1"
    assert client.get("/static/style.css").status_code == 200


@pytest.mark.parametrize("stored", [PASSWORD, generate_password_hash(PASSWORD)])
def test_the_password_opens_and_logging_out_closes(site: Site, stored: str) -> None:
    client = site(site_password=stored).test_client()
    wrong = log_in(client, "open barley")
    assert wrong.status_code == 403
    assert "This is not the password" in wrong.text
    assert client.get("/jobs").status_code == 302
    right = log_in(client, PASSWORD)
    assert (right.status_code, right.headers["Location"]) == (303, "/jobs")
    page = client.get("/jobs")
    assert page.status_code == 200
    (token,) = re.findall(r'name="form_token" value="([^"]+)"', page.text)
    stolen = client.get_cookie("session")
    assert client.post("/logout", data={"form_token": token}).status_code == 303
    assert client.get("/jobs").status_code == 302
    assert stolen is not None
    client.set_cookie("session", stolen.value)
    assert client.get("/jobs").status_code == 302, "the server has ended it, and not the cookie"


def test_a_login_renews_the_form_token(client: FlaskClient) -> None:
    page = client.get("/login").text
    (before,) = re.findall(r'name="form_token" value="([^"]+)"', page)
    log_in(client, PASSWORD)
    assert client.post("/logout", data={"form_token": before}).status_code == 403


def test_a_form_from_elsewhere_does_not_count(client: FlaskClient) -> None:
    client.get("/login")
    for token in ("", "guess"):
        answer = client.post("/login", data={"password": PASSWORD, "form_token": token})
        assert answer.status_code == 403
        assert "Go back, reload the page" in answer.text
    assert client.get("/jobs").status_code == 302


def test_guesses_are_counted(site: Site) -> None:
    app = site(site_password=PASSWORD, guesses_per_hour=3)
    for _ in range(3):
        assert log_in(app.test_client(), "a guess").status_code == 403
    late = log_in(app.test_client(), PASSWORD)
    assert late.status_code == 429
    assert 3500 < int(late.headers["Retry-After"]) <= 3600
    assert "Try again in 60 minutes" in late.text


def test_who_knows_it_starts_from_the_beginning(site: Site) -> None:
    app = site(site_password=PASSWORD, guesses_per_hour=3)
    for _ in range(3):
        log_in(app.test_client(), "a guess")
        log_in(app.test_client(), "a guess")
        assert log_in(app.test_client(), PASSWORD).status_code == 303


def test_a_changed_password_closes_the_door_for_all(site: Site) -> None:
    before = site(site_password=PASSWORD).test_client()
    log_in(before, PASSWORD)
    cookie = before.get_cookie("session")
    assert cookie is not None
    for password, status in ((PASSWORD, 200), ("another one", 302)):
        after = site(site_password=password).test_client()
        after.set_cookie("session", cookie.value)
        assert after.get("/jobs").status_code == status


def test_a_token_needs_no_password(client: FlaskClient) -> None:
    token = tokens.create(client.application.extensions["jobs"].database, "robot")
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "",
    ],
)
def test_the_way_on_leads_to_our_own_pages_only(client: FlaskClient, elsewhere: str) -> None:
    assert log_in(client, PASSWORD, elsewhere).headers["Location"] == "/"
