"""A link to share: others see the video and nothing else, as long as its owner likes."""

import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from jobs.records import Job
from media.video_writer import VideoWriter

JOBS = "/api/v1/jobs"


@pytest.fixture
def job(app: Flask, client: FlaskClient, tmp_path: Path) -> str:
    """A finished job of secret files."""
    made = client.post("/api/v1/sample", json={}).get_json()
    body = {"source": made["source"]["id"], "voices": [{"audio": made["voice"]["id"]}]}
    id: str = client.post(JOBS, json=body).get_json()["id"]
    refused = client.post(f"{JOBS}/{id}/share", json={})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "not-now")
    with VideoWriter(tmp_path / "result.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(np.full((48, 64, 3), 200, np.uint8))
    jobs = app.extensions["jobs"]
    jobs.storage.put_at(f"jobs/{id}/result.mp4", tmp_path / "result.mp4")
    with jobs.database.write() as session:
        record = session.get_one(Job, id)
        record.state, record.result_key = "done", f"jobs/{id}/result.mp4"
    client.patch(f"{JOBS}/{id}", json={"name": "For nobody else"})
    return id


def test_others_see_the_video_and_nothing_else(
    client: FlaskClient, stranger: FlaskClient, job: str
) -> None:
    assert client.get(f"{JOBS}/{job}").get_json()["shared"] is None
    place = client.post(f"{JOBS}/{job}/share", json={}).get_json()["shared"]
    assert re.fullmatch(r"/shared/[\w-]{43}", place)
    assert client.post(f"{JOBS}/{job}/share", json={}).get_json()["shared"] == place

    page = stranger.get(place)
    for address in re.findall(r'(?:src|poster)="(/shared[^"]+)"', page.text):
        assert stranger.get(address).status_code == 200
    assert f'content="http://localhost{place}/poster.jpg"' in page.text
    assert f'property="og:video" content="http://localhost{place}/video"' in page.text
    video = client.get(f"{JOBS}/{job}/result").data
    assert stranger.get(f"{place}/video").data == video
    part = stranger.get(f"{place}/video", headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data) == (206, video[5:10])
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    seen = [page, stranger.get(f"{place}/video?download=1"), stranger.get(f"{place}/poster.jpg")]
    for secret in (job, "astronaut", "hello", "For nobody else"):
        assert all(secret not in f"{answer.headers}" for answer in seen)
        assert secret not in page.text
    assert stranger.get(f"{JOBS}/{job}").status_code == 404


def test_a_link_ends_when_it_is_withdrawn_or_the_video_deleted(
    client: FlaskClient, stranger: FlaskClient, job: str
) -> None:
    first = client.post(f"{JOBS}/{job}/share", json={}).get_json()["shared"]
    assert client.delete(f"{JOBS}/{job}/share").get_json()["shared"] is None
    second = client.post(f"{JOBS}/{job}/share", json={}).get_json()["shared"]
    assert second != first
    client.delete(f"{JOBS}/{job}")
    for place in (first, f"{first}/video", second, f"{second}/video", f"{second}/poster.jpg"):
        assert stranger.get(place).status_code == 404


def test_the_password_of_a_site_holds_for_links_too(
    app: Flask, client: FlaskClient, job: str
) -> None:
    place = client.post(f"{JOBS}/{job}/share", json={}).get_json()["shared"]
    jobs = app.extensions["jobs"]
    locked = dataclasses.replace(jobs.settings, site_password="open up")
    assert create_app(locked).test_client().get(place).status_code == 302
