import gzip
from pathlib import Path

import pytest
from flask.testing import FlaskClient

PACKED = {"Accept-Encoding": "gzip"}
STYLE = Path(__file__).resolve().parent.parent.parent / "static" / "style.css"


def test_a_stylesheet_travels_packed(client: FlaskClient) -> None:
    answer = client.get("/static/style.css", headers=PACKED)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(answer.data) == answer.content_length
    assert gzip.decompress(answer.data) == STYLE.read_bytes()


def test_who_cannot_unpack_it_gets_it_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/static/style.css")
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.data == STYLE.read_bytes()


def test_it_is_not_sent_twice(client: FlaskClient) -> None:
    for headers in (PACKED, {}):
        tag = client.get("/static/style.css", headers=headers).headers["ETag"]
        again = client.get("/static/style.css", headers=headers | {"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/jobs", "/static/sample/face.webp"])
def test_pages_and_what_is_packed_already_are_left_alone(client: FlaskClient, path: str) -> None:
    assert "Content-Encoding" not in client.get(path, headers=PACKED).headers
