import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.records import Job


@pytest.fixture
def job(client: FlaskClient, astronaut_file: Path) -> dict[str, Any]:
    """A job whose picture has a name that would like to be a script."""
    name = "<script>alert(1)</script>.png"
    data = {"file": (io.BytesIO(astronaut_file.read_bytes()), name)}
    source = client.post("/api/v1/uploads", data=data).get_json()
    voice = client.post("/api/v1/sample", json={}).get_json()["voice"]
    body = {"source": source["id"], "voices": [{"audio": voice["id"]}]}
    made: dict[str, Any] = client.post("/api/v1/jobs", json=body).get_json()
    return made


def test_the_start_page_says_what_it_takes_and_works_with(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Make a picture talk" in page
    assert "WAV, MP3, M4A" in page
    assert "1.91\N{NO-BREAK SPACE}MB" in page  # the limit of these tests
    assert "60 minutes" in page
    assert "Face detector: <b>" in page
    assert "Lip-sync checkpoint: <b>compact</b>" in page


def test_a_checkpoint_that_is_not_here_cannot_be_selected(client: FlaskClient) -> None:
    page = client.get("/").text
    assert '<option value="compact" selected>compact</option>' in page
    assert '<option value="s3fd"' not in page


def test_a_job_has_a_page_and_its_names_stay_text(client: FlaskClient, job: dict[str, Any]) -> None:
    for path in (f"/jobs/{job['id']}", "/jobs"):
        page = client.get(path).text
        assert "alert(1)" in page
        assert "<script>alert" not in page


def test_without_scripts_the_page_of_a_job_still_tells_and_gives(
    app: Flask, client: FlaskClient, job: dict[str, Any]
) -> None:
    address = f"/jobs/{job['id']}"
    assert "About to start" in client.get(address).text
    assert '<meta http-equiv="refresh"' in client.get(address).text
    with app.extensions["jobs"].database.write() as session:
        record = session.get_one(Job, job["id"])
        record.state, record.source.info = "done", record.source.info | {"notes": ["hdr"]}
        record.not_animated = [{"person": 2, "start": 1.5, "stop": 3.0, "reason": "out-of-sight"}]
    page = client.get(address).text
    assert f'href="/api/v1/jobs/{job["id"]}/result?download=1"' in page
    assert "Person 2 is out of sight from 1.5 to 3.0 seconds" in page
    assert "tone-mapped" in page
    assert '<meta http-equiv="refresh"' not in client.get(address).text


def test_a_finished_video_is_the_face_of_the_next_start(
    app: Flask, client: FlaskClient, job: dict[str, Any]
) -> None:
    address = f"/?video={job['id']}"
    assert client.get(address).status_code == 404
    with app.extensions["jobs"].database.write() as session:
        session.get_one(Job, job["id"]).state = "done"
    page = client.get(address).text
    assert f'data-result="/api/v1/jobs/{job["id"]}/result"' in page
    assert '<input type="checkbox" id="overlay" name="overlay" checked' in page
    assert "<script>alert" not in page


def test_the_list_is_empty_for_a_stranger(
    client: FlaskClient, stranger: FlaskClient, job: dict[str, Any]
) -> None:
    assert job["id"] in client.get("/jobs").text
    assert "Nothing here yet" in stranger.get("/jobs").text


def test_what_is_too_old_for_the_list_is_said_and_deleted_with_the_rest(
    client: FlaskClient, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs_access.LISTED", 1)
    monkeypatch.setattr("app.pages.LISTED", 1)
    body = {"source": job["source"]["id"], "voices": [{"audio": job["voices"][0]["audio"]}]}
    newer = client.post("/api/v1/jobs", json=body).get_json()
    for each in (job, newer):
        client.post(f"/api/v1/jobs/{each['id']}/cancel", json={})
    page = client.get("/jobs").text
    assert newer["id"] in page
    assert job["id"] not in page
    assert "Only the newest 1 are looked through" in page
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    client.post("/jobs/delete", data={"form_token": token})
    assert "Nothing here yet" in client.get("/jobs").text
    monkeypatch.undo()
    page = client.get("/jobs").text
    assert "Nothing here yet" in page
    assert "2 videos are deleted." in page
    client.post("/jobs/restore", data={"form_token": token})
    page = client.get("/jobs").text
    assert newer["id"] in page
    assert job["id"] in page
    assert "are deleted" not in page


@pytest.mark.parametrize("path", ["/jobs/0123", f"/jobs/{'0' * 32}", "/nothing", "/static/nothing"])
def test_what_is_not_there_is_a_page_with_a_way_on(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no such" in response.text
    assert 'href="/"' in response.text


def test_a_fault_of_ours_is_named_and_shows_no_traceback(
    app: Flask, client: FlaskClient, job: dict[str, Any]
) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.extensions["jobs"].database.write() as session:
        session.get_one(Job, job["id"]).options = {}  # as no version ever wrote them
    response = client.get("/api/v1/jobs")
    assert (response.status_code, response.get_json()["code"]) == (500, "internal-error")
    assert "Traceback" not in response.text
    page = client.get("/jobs")
    assert page.status_code == 500
    assert "Something went wrong here" in page.text


def test_the_system_page_says_what_is_here_and_what_is_missing(client: FlaskClient) -> None:
    page = client.get("/system").text
    assert "not heard of: light, engine" in page  # no worker runs here
    assert "compact" in page
    assert "mouth fetch" in page
    assert "torch" in page


def test_the_guide_tells_of_every_operation(client: FlaskClient) -> None:
    page = client.get("/api").text
    document = client.get("/api/v1/openapi.json").get_json()
    for item in document["paths"].values():
        for method, operation in item.items():
            if method != "parameters":
                assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page
    assert "<code>/uploads</code>" in page
    assert "in <code>webhook</code> of a job" in page  # a summary, too
