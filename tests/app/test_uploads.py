import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

UPLOADS = "/api/v1/uploads"


def upload(client: FlaskClient, content: bytes, name: str, role: str | None = None) -> TestResponse:
    query = {"role": role} if role else {}
    return client.post(UPLOADS, data={"file": (io.BytesIO(content), name)}, query_string=query)


def left_behind(app: Flask) -> list[Path]:
    """Files that somebody forgot in the work folder."""
    return [path for path in Path(app.config["WORK_DIR"]).rglob("*") if path.is_file()]


def test_a_picture_tells_what_it_is(client: FlaskClient, astronaut_file: Path) -> None:
    response = upload(client, astronaut_file.read_bytes(), "me.png", role="source")
    assert response.status_code == 201
    facts = response.get_json()
    assert len(facts.pop("id")) == 32
    assert facts == {
        "name": "me.png",
        "kind": "image",
        "notes": [],
        "width": 512,
        "height": 512,
        "fps": None,
        "frames": None,
        "duration": None,
        "has_audio": False,
        "bytes": astronaut_file.stat().st_size,
    }


def test_what_no_browser_shows_has_a_poster(
    client: FlaskClient, app: Flask, short_voice: Path
) -> None:
    stored = io.BytesIO()
    Image.new("RGB", (720, 360), (40, 90, 160)).save(stored, "HEIF")
    id = upload(client, stored.getvalue(), "IMG_1.HEIC").get_json()["id"]
    response = client.get(f"{UPLOADS}/{id}/poster")
    assert (response.status_code, response.mimetype) == (200, "image/jpeg")
    with Image.open(io.BytesIO(response.data)) as poster:
        assert (poster.format, poster.size) == ("JPEG", (480, 240))
        assert poster.getpixel((200, 100)) == pytest.approx((40, 90, 160), abs=4)
    assert app.test_client().get(f"{UPLOADS}/{id}/poster").status_code == 404  # another visitor
    voice = upload(client, short_voice.read_bytes(), "me.wav").get_json()["id"]
    assert client.get(f"{UPLOADS}/{voice}/poster").get_json()["code"] == "not-found"


def test_a_voice_tells_how_long_it_is(client: FlaskClient, short_voice: Path) -> None:
    facts = upload(client, short_voice.read_bytes(), "me.wav", role="voice").get_json()
    assert facts["kind"] == "audio"
    assert facts["duration"] == pytest.approx(0.6, abs=0.01)
    assert facts["width"] is None


def test_the_bytes_decide_and_not_the_name(client: FlaskClient, astronaut_file: Path) -> None:
    assert upload(client, astronaut_file.read_bytes(), "voice.mp3").get_json()["kind"] == "image"


@pytest.mark.parametrize("role", [None, "source", "voice"])
@pytest.mark.parametrize(
    "content", [b"", b"this is not a film\n" * 50, b"\x00\x00\x00\x18ftypmp42"]
)
def test_what_cannot_be_read_is_refused(
    app: Flask, client: FlaskClient, content: bytes, role: str | None
) -> None:
    response = upload(client, content, "film.mp4", role)
    assert response.status_code in (415, 422)
    problem = response.get_json()
    assert problem["code"] in ("unreadable-media", "unsupported-type")
    assert problem["remedy"]
    assert left_behind(app) == []


def test_a_sound_is_no_face(app: Flask, client: FlaskClient, short_voice: Path) -> None:
    response = upload(client, short_voice.read_bytes(), "me.jpg", role="source")
    assert (response.status_code, response.get_json()["code"]) == (422, "not-a-face-file")
    assert list(Path(app.extensions["jobs"].storage.root).rglob("uploads/*/*")) == []


def test_a_picture_is_no_voice(client: FlaskClient, astronaut_file: Path) -> None:
    response = upload(client, astronaut_file.read_bytes(), "me.wav", role="voice")
    assert (response.status_code, response.get_json()["code"]) == (422, "not-a-voice")


def test_too_many_bytes_are_refused_with_the_limit(client: FlaskClient) -> None:
    response = upload(client, b"x" * 2_200_000, "big.mp4")
    assert (response.status_code, response.get_json()["code"]) == (413, "too-large")
    assert "1.91" in response.get_json()["message"]


def test_a_form_without_a_file_is_told_so(client: FlaskClient) -> None:
    for data in ({}, {"file": "text"}, {"picture": (io.BytesIO(b"x"), "x.png")}):
        response = client.post(UPLOADS, data=data, content_type="multipart/form-data")
        assert (response.status_code, response.get_json()["code"]) == (400, "bad-request")


def test_a_form_of_very_many_files_is_refused(client: FlaskClient) -> None:
    data = {f"file-{number}": (io.BytesIO(b"x"), "x") for number in range(101)}
    response = client.post(UPLOADS, data=data)
    assert (response.status_code, response.get_json()["code"]) == (413, "too-large")


@pytest.mark.parametrize(
    "name", ["../../../evil.png", 'a"b.png', "a%0Ab.png", "Zoë 王.png", "x" * 400 + ".png", "CON"]
)
def test_a_name_is_only_ever_shown(
    app: Flask, client: FlaskClient, astronaut_file: Path, name: str
) -> None:
    facts: dict[str, Any] = upload(client, astronaut_file.read_bytes(), name).get_json()
    assert len(facts["name"]) <= 255
    stored = [p for p in Path(app.extensions["jobs"].storage.root).rglob("*") if p.is_file()]
    assert [len(path.name) for path in stored] == [64]
    assert left_behind(app) == []


def test_the_sample_is_a_face_and_a_voice(client: FlaskClient) -> None:
    made = client.post("/api/v1/sample", json={}).get_json()
    assert made["source"]["kind"] == "image"
    assert made["voice"]["kind"] == "audio"
    assert made["voice"]["duration"] == pytest.approx(5.03, abs=0.05)
