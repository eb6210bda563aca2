"""What a reverse proxy says of the site, in the addresses of its answers."""

from collections.abc import Callable

from flask import Flask

PREFIX = {"X-Forwarded-Prefix": "/tools/mouth/"}


def test_all_addresses_begin_with_the_path_of_the_site(site: Callable[..., Flask]) -> None:
    client = site(trusted_proxies=1).test_client()
    page = client.get("/", headers=PREFIX)
    assert 'href="/tools/mouth/static/style.css"' in page.text
    assert "Path=/tools/mouth" in page.headers["Set-Cookie"]
    client.set_cookie("session", page.headers["Set-Cookie"].split(";")[0].partition("=")[2])
    sample = client.post("/api/v1/sample", json={}, headers=PREFIX).get_json()
    body = {"source": sample["source"]["id"], "voices": [{"audio": sample["voice"]["id"]}]}
    job = client.post("/api/v1/jobs", json=body, headers=PREFIX).get_json()
    document = client.get("/api/v1/openapi.json", headers=PREFIX).get_json()
    assert document["servers"][0]["url"] == "/tools/mouth/api/v1"
    assert "/tools/mouth/api/v1" in client.get("/api", headers=PREFIX).text
    gone = client.post(f"/api/v1/jobs/{job['id']}/retry", json={}, headers=PREFIX)
    assert gone.get_json()["code"] == "not-now"


def test_a_login_leads_back_under_the_path(site: Callable[..., Flask]) -> None:
    client = site(trusted_proxies=1, site_password="x").test_client()
    place = client.get("/jobs", headers=PREFIX).headers["Location"]
    assert place == "/tools/mouth/login?next=/tools/mouth/jobs"


def test_a_path_that_is_none_is_ignored(site: Callable[..., Flask]) -> None:
    for prefix in ("//evil.example", "/a b", "mouth", "/a/../..//b", "/"):
        page = (
            site(trusted_proxies=1).test_client().get("/", headers={"X-Forwarded-Prefix": prefix})
        )
        assert 'href="/static/style.css"' in page.text, prefix
    assert 'href="/static/style.css"' in site().test_client().get("/", headers=PREFIX).text
