from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

SAMPLE = "/api/v1/sample"


def test_pages_and_answers_carry_the_protecting_headers(client: FlaskClient) -> None:
    for path in ("/", "/jobs", "/nowhere", "/api/v1/jobs", "/static/style.css"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"


def test_pages_need_no_inline_script_or_style(client: FlaskClient) -> None:
    page = client.get("/").text
    assert page.count("<script") == page.count('<script type="module" src="/static/')
    assert "style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_session_cookie_is_out_of_reach_of_scripts_and_sites(client: FlaskClient) -> None:
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_behind_https_nothing_travels_in_the_clear(site: Callable[..., Flask]) -> None:
    said = {"X-Forwarded-Proto": "https"}
    answer = site(trusted_proxies=1).test_client().get("/", headers=said)
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    for answer in (
        site().test_client().get("/", headers=said),  # who is not behind a proxy believes none
        site(trusted_proxies=1).test_client().get("/"),
    ):
        assert "Secure" not in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in answer.headers


def test_another_site_cannot_ask_for_a_change(client: FlaskClient) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        response = client.post(SAMPLE, json={}, headers=headers)
        assert response.status_code == 403
        assert response.get_json()["code"] == "cross-site"


def test_a_proxy_that_hides_the_name_of_the_site_is_told(client: FlaskClient) -> None:
    """Browsers say no Sec-Fetch-Site where the page came over plain http."""
    headers = {"Origin": "http://mouth.lan", "Host": "127.0.0.1:8000"}
    headers["X-Forwarded-Host"] = "mouth.lan"
    message = client.post(SAMPLE, json={}, headers=headers).get_json()["message"]
    for seen in ("http://mouth.lan", "127.0.0.1:8000", "TRUSTED_PROXIES=0", "X-Forwarded-Host"):
        assert seen in message


def test_our_own_page_and_programs_can(client: FlaskClient) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        assert client.post(SAMPLE, json={}, headers=headers).status_code == 201


def test_a_form_cannot_stand_for_json(client: FlaskClient) -> None:
    for path in (SAMPLE, "/api/v1/jobs"):
        response = client.post(path, data={"source": "x"})
        assert response.status_code == 415
        assert response.get_json()["code"] == "json-expected"


def test_json_is_bounded(client: FlaskClient) -> None:
    response = client.post("/api/v1/jobs", json={"source": "x" * 1_100_000})
    assert response.status_code == 413
    assert "at most 977\N{NO-BREAK SPACE}kB" in response.get_json()["message"]


def test_every_form_carries_a_token_of_the_visitor(app: Flask, client: FlaskClient) -> None:
    client.get("/login")
    answer = client.post("/logout", data={"form_token": "x"})
    assert answer.status_code == 403
    assert "This form is too old" in answer.text
    for rule in app.url_map.iter_rules():  # no page of ours changes anything without one
        if rule.endpoint.startswith("api.") or "POST" not in (rule.methods or ()):
            continue
        assert client.post(rule.rule.replace("<id>", "0" * 32)).status_code in (403, 404), rule
