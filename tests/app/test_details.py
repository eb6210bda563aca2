"""What a visitor can learn of a job: what it was made from, how, and what its video says."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import sample
from jobs.records import Job, Segment
from media import provenance
from media.certificate import local_certificate

API = "/api/v1"


@pytest.fixture
def job(client: FlaskClient) -> dict[str, Any]:
    made = client.post(f"{API}/sample", json={}).get_json()
    body = {"source": made["source"]["id"], "voices": [{"audio": made["voice"]["id"]}]}
    job: dict[str, Any] = client.post(f"{API}/jobs", json=body).get_json()
    return job


def test_the_files_come_back_as_they_were_given(client: FlaskClient, job: dict[str, Any]) -> None:
    source = client.get(f"{API}/jobs/{job['id']}/source")
    assert (source.data, source.mimetype) == (sample.sample_face().read_bytes(), "image/png")
    voice = client.get(f"{API}/jobs/{job['id']}/voices/1", headers={"Range": "bytes=0-99"})
    assert (voice.status_code, voice.data) == (206, sample.VOICE.read_bytes()[:100])
    assert voice.mimetype == "audio/mpeg"
    assert source.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"{API}/jobs/{job['id']}/voices/2").status_code == 404


def test_the_files_are_the_owners_only(stranger: FlaskClient, job: dict[str, Any]) -> None:
    for part in ("source", "voices/1", "details", "credentials"):
        assert stranger.get(f"{API}/jobs/{job['id']}/{part}").status_code == 404


def test_the_type_of_a_file_is_told_by_its_bytes(client: FlaskClient, job: dict[str, Any]) -> None:
    """A picture that calls itself a page is a picture."""
    with sample.sample_face().open("rb") as file:
        form = {"file": (io.BytesIO(file.read()), "page.html")}
    upload = client.post(f"{API}/uploads", data=form).get_json()
    body = {"source": upload["id"], "voices": [{"audio": job["voices"][0]["audio"]}]}
    other = client.post(f"{API}/jobs", json=body).get_json()
    assert client.get(f"{API}/jobs/{other['id']}/source").mimetype == "image/png"


def test_details_sum_up_the_time_of_each_step_and_repeat_the_request(
    app: Flask, client: FlaskClient, job: dict[str, Any]
) -> None:
    assert client.get(f"{API}/jobs/{job['id']}/details").get_json()["detector"] == "centerface"
    found = {"state": "done", "key": "s3fd-0123"}  # by weights that have gone meanwhile
    with app.extensions["jobs"].database.write() as session:
        record = session.get_one(Job, job["id"])
        record.segments = [
            Segment(step="detect", index=0, start=0, stop=1, seconds=0.5, **found),
            Segment(step="render", index=0, start=0, stop=50, seconds=2.0, state="done"),
            Segment(step="render", index=1, start=50, stop=75, seconds=1.25, state="done"),
        ]
    details = client.get(f"{API}/jobs/{job['id']}/details").get_json()
    assert [(step["step"], step["seconds"], step["frames"]) for step in details["steps"]] == [
        ("detect", 0.5, 1),
        ("render", 3.25, 75),
    ]
    assert details["detector"] == "s3fd"
    assert details["command"] == "mouth animate astronaut.png hello.mp3 --checkpoint compact"
    again = client.post(f"{API}/jobs", json=details["request"])
    assert again.status_code == 202
    assert again.get_json()["options"] == job["options"]


def test_credentials_are_read_from_the_finished_video(
    app: Flask, client: FlaskClient, job: dict[str, Any], tmp_path: Path, video: Path
) -> None:
    jobs = app.extensions["jobs"]
    made_from = [provenance.Ingredient("source", sample.sample_face())]
    provenance.sign(video, made_from, {"checkpoint": "compact"}, local_certificate(tmp_path))
    key = f"jobs/{job['id']}/result.mp4"
    assert client.get(f"{API}/jobs/{job['id']}/credentials").status_code == 404
    jobs.storage.put_at(key, video)
    with jobs.database.write() as session:
        record = session.get_one(Job, job["id"])
        record.state, record.result_key = "done", key
    shown = client.get(f"{API}/jobs/{job['id']}/credentials").get_json()
    assert shown["intact"]
    assert shown["synthetic"]
    assert not shown["trusted"]
    assert [each["role"] for each in shown["made_from"]] == ["source"]
    assert json.dumps(shown).count("astronaut") == 0


def test_the_first_seconds_are_shown_while_the_rest_is_made(
    app: Flask, client: FlaskClient, job: dict[str, Any], video: Path
) -> None:
    address, jobs = f"{API}/jobs/{job['id']}", app.extensions["jobs"]
    assert client.get(address).get_json()["beginning"] is None
    key = f"jobs/{job['id']}/segments/00000.mp4"
    content = video.read_bytes()
    jobs.storage.put_at(key, video)
    with jobs.database.write() as session:
        record = session.get_one(Job, job["id"])
        record.state = "rendering"
        record.segments = [
            Segment(step="render", index=0, start=0, stop=50, state="done", key=key),
            Segment(step="render", index=1, start=50, stop=75, state="running"),
        ]
    beginning = client.get(address).get_json()["beginning"]
    assert client.get(beginning).data == content
    with jobs.database.write() as session:
        session.get_one(Job, job["id"]).state = "done"
    assert client.get(address).get_json()["beginning"] is None
    assert client.get(beginning).status_code == 404
