"""What the API says of the faces in an upload, before there is a job."""

import io
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.records import FaceSearch
from jobs.service import Jobs

UPLOADS = "/api/v1/uploads"


def sent(client: FlaskClient, file: Path) -> str:
    """The address of the faces of an upload."""
    data = {"file": (io.BytesIO(file.read_bytes()), file.name)}
    return f"{UPLOADS}/{client.post(UPLOADS, data=data).get_json()['id']}/faces"


def found(app: Flask, place: str, **values: object) -> None:
    """Write down what a worker would have found."""
    jobs: Jobs = app.extensions["jobs"]
    with jobs.database.write() as session:
        search = session.get_one(FaceSearch, place.split("/")[-2])
        for name, value in values.items():
            setattr(search, name, value)


def test_a_search_is_asked_for_watched_and_forgotten(
    app: Flask, client: FlaskClient, stranger: FlaskClient, astronaut_file: Path
) -> None:
    place = sent(client, astronaut_file)
    assert client.get(place).status_code == 404
    answer = client.post(place, json={})
    assert answer.status_code == 202
    assert answer.get_json() == {
        "state": "waiting", "faces": [], "searched": None, "complete": False, "error": None,
    }  # fmt: skip
    face = {"id": 1, "box": [1.0, 2.0, 3.0, 4.0], "frame": 0, "score": 0.9}
    found(app, place, state="done", faces=[face], searched=1)
    assert client.get(place).get_json() == {
        "state": "done", "faces": [face | {"time": 0}], "searched": None, "complete": True,
        "error": None,
    }  # fmt: skip
    assert stranger.get(place).status_code == 404
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404


def test_of_a_video_it_is_told_how_much_was_searched(
    app: Flask, client: FlaskClient, film: Path
) -> None:
    place = sent(client, film)
    client.post(place, json={})
    face = {"id": 1, "box": [1.0, 2.0, 3.0, 4.0], "frame": 10, "score": 0.9}
    found(app, place, state="done", faces=[face], searched=25)
    answer = client.get(place).get_json()
    assert (answer["searched"], answer["complete"]) == (pytest.approx(1.0), False)
    assert answer["faces"][0]["time"] == pytest.approx(0.4)


def test_a_sound_is_refused(client: FlaskClient, short_voice: Path) -> None:
    answer = client.post(sent(client, short_voice), json={})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "not-a-face-file")
