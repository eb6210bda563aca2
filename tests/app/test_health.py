"""What a machine that looks after the program asks it."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from jobs import metrics
from jobs.records import Worker
from jobs.service import Jobs
from jobs.settings import Settings


@pytest.fixture
def jobs(app: Flask) -> Jobs:
    made: Jobs = app.extensions["jobs"]
    return made


@pytest.fixture
def client_with(tmp_path: Path) -> Callable[..., FlaskClient]:
    def make(**settings: object) -> FlaskClient:
        return create_app(replace(Settings(var_dir=tmp_path / "own"), **settings)).test_client()

    return make


def test_a_server_that_lives_says_so(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_a_server_without_workers_is_not_ready_and_says_why(
    client: FlaskClient, jobs: Jobs
) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {
        "database": "ok",
        "broker": "ok",
        "disk": "ok",
        "workers": "not heard of: light, engine",
    }
    with jobs.database.write() as session:
        for part, ago in (("light", 1.0), ("engine", 300.0)):
            seen = time.time() - ago
            session.add(Worker(name=f"{part}@here", part=part, seen=seen, memory=10**8))
    assert client.get("/readyz").get_json()["workers"] == "not heard of: engine"


def test_a_server_whose_broker_is_away_lives_on_and_says_so(
    client_with: Callable[..., FlaskClient],
) -> None:
    client = client_with()
    assert client.get("/readyz").get_json()["broker"] == "does not answer"
    assert "mouth_broker_up 0" in client.get("/metrics").text.splitlines()


def test_metrics_tell_what_was_counted(client: FlaskClient, jobs: Jobs) -> None:
    with jobs.database.write() as session:
        session.add(Worker(name="engine@here", part="engine", seen=time.time(), memory=4096))
        metrics.observe_step(session, "render", seconds=2.0, frames=100)
        metrics.observe_step(session, "render", seconds=0.2, frames=10)
        metrics.count(session, "failures", "disk-full")
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    for line in (
        'mouth_frames_total{step="render"} 110',
        'mouth_step_seconds_bucket{step="render",le="0.1"} 0',
        'mouth_step_seconds_bucket{step="render",le="0.3"} 1',
        'mouth_step_seconds_bucket{step="render",le="3.0"} 2',
        'mouth_step_seconds_bucket{step="render",le="+Inf"} 2',
        'mouth_step_seconds_sum{step="render"} 2.2',
        'mouth_step_seconds_count{step="render"} 2',
        'mouth_failures_total{code="disk-full"} 1',
        'mouth_worker_memory_bytes{worker="engine@here"} 4096',
        "mouth_broker_up 1",
        # Tests share their broker, and nobody works on what others have sent.
        f'mouth_queue_length{{queue="engine"}} {jobs.queue.length("engine")}',
    ):
        assert line in lines, line
    assert any(line.startswith("mouth_disk_free_bytes ") for line in lines)


def test_metrics_are_for_this_machine_alone(client: FlaskClient) -> None:
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/metrics", environ_overrides=elsewhere).status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404
    assert client.get("/metrics").status_code == 200


def test_metrics_can_be_opened_and_closed(client_with: Callable[..., FlaskClient]) -> None:
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    opened = client_with(metrics="all").get("/metrics", environ_overrides=elsewhere)
    assert opened.status_code == 200
    assert client_with(metrics="off").get("/metrics").status_code == 404


def test_a_site_with_a_password_still_answers_its_keeper(
    client_with: Callable[..., FlaskClient],
) -> None:
    client = client_with(site_password="open sesame")
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_a_full_disk_and_a_broken_one_are_said_by_name(
    client: FlaskClient, jobs: Jobs, client_with: Callable[..., FlaskClient]
) -> None:
    full = client_with(disk_reserve_bytes=2**60)
    answer = full.post("/api/v1/sample", json={})
    assert (answer.status_code, answer.get_json()["code"]) == (507, "disk-full")
    assert full.get("/readyz").get_json()["disk"] == "disk-full"
    # Where a folder should be there is a file: no process may make one then, not even root.
    root = Path(jobs.storage.root)
    root.mkdir(parents=True, exist_ok=True)
    (root / "uploads").write_text("")
    answer = client.post("/api/v1/sample", json={})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "storage-unavailable")
