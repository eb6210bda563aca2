"""My videos: cards that can be told apart, found, renamed and deleted."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.records import Job, Segment
from jobs.service import Jobs

JOBS = "/api/v1/jobs"


@pytest.fixture
def made(client: FlaskClient) -> list[str]:
    """The ids of two jobs of the same files, the second with options of its own."""
    sample = client.post("/api/v1/sample", json={}).get_json()
    body: dict[str, Any] = {
        "source": sample["source"]["id"],
        "voices": [{"audio": sample["voice"]["id"]}],
    }
    options = {"strength": 1.3, "badge": "none", "smooth": False}
    asked = [body, body | {"options": options}]
    return [client.post(JOBS, json=each).get_json()["id"] for each in asked]


def finish(app: Flask, id: str) -> None:
    """As workers leave a job whose result has 126 frames and 2048 bytes."""
    jobs: Jobs = app.extensions["jobs"]
    with jobs.storage.scratch() as folder:
        (folder / "file").write_bytes(bytes(2048))
        jobs.storage.put_at(f"jobs/{id}/result.mp4", folder / "file")
    with jobs.database.write() as session:
        job = session.get_one(Job, id)
        job.state, job.result_key = "done", f"jobs/{id}/result.mp4"
        job.segments = [Segment(step="stitch", index=0, start=0, stop=126, state="done")]


def card(page: str, id: str) -> str:
    """The text of a job's card."""
    (found,) = (each for each in page.split("<li ")[1:] if id in each)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found.partition("</li>")[0]))


def test_a_card_tells_what_it_is(app: Flask, client: FlaskClient, made: list[str]) -> None:
    finish(app, made[0])
    page = client.get("/jobs").text
    first, second = (card(page, id) for id in made)
    for words in ("astronaut.png take 1", "0:05", "hello.mp3", ", 2 kB, kept", "Download"):
        assert words in first, first
    assert re.search(r"kept until \d+ [A-Z][a-z]+", first)
    assert "take 2" in second
    assert "no smooth, badge none, strength 1.3" in second
    assert "Download" not in second


def test_jobs_are_renamed_searched_and_deleted_in_the_list(
    app: Flask, client: FlaskClient, made: list[str]
) -> None:
    finish(app, made[0])
    page = client.get("/jobs?show=ready&q=hello").text
    assert made[0] in page
    assert made[1] not in page
    (token, *_) = re.findall(r'name="form_token" value="([^"]+)"', page)
    form = {"form_token": token, "show": "ready", "q": "hello"}
    renamed = client.post(f"/jobs/{made[0]}/name", data=form | {"name": "  Grandma\n says hello "})
    assert renamed.headers["Location"] == "/jobs?show=ready&q=hello"
    job = client.get(f"{JOBS}/{made[0]}").get_json()
    assert job["name"] == "Grandma says hello"
    saved = client.get(f"{job['result']}?download=1").headers["Content-Disposition"]
    assert "Grandma says hello.mp4" in saved
    found = client.get("/jobs?q=GRANDMA").text
    assert made[0] in found
    assert "take" not in card(found, made[0])
    assert made[1] not in found
    assert "None of your videos" in client.get("/jobs?q=nothing").text
    back = client.patch(f"{JOBS}/{made[0]}", json={"name": None}).get_json()
    assert back["name"] == "astronaut.png"
    assert back["expires"] == job["expires"]  # it is kept no longer for having another name
    gone = client.post(f"/jobs/{made[0]}/delete", data=form)
    assert gone.headers["Location"] == "/jobs?show=ready&q=hello"
    assert "“astronaut.png” is deleted." in client.get("/jobs").text
