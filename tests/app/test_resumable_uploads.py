"""Files that come in pieces: what has come stays, and becomes an upload like any other."""

import base64
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.records import Upload
from jobs.resumable_uploads import Transfers
from jobs.retention import HOUR, tidy

TRANSFERS = "/api/v1/transfers"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def begin(client: FlaskClient, size: int | str, name: str = "voice.wav") -> TestResponse:
    told = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": told}
    return client.post(TRANSFERS, headers=headers)


def append(client: FlaskClient, place: str, offset: int | str, piece: bytes) -> TestResponse:
    headers = {**TUS, "Upload-Offset": str(offset)}
    return client.patch(place, headers=headers, data=piece, content_type=PIECE)


def here(client: FlaskClient, place: str) -> int:
    return int(client.head(place, headers=TUS).headers["Upload-Offset"])


def finish(client: FlaskClient, place: str, role: str = "voice") -> TestResponse:
    return client.post(f"{place}/upload?role={role}", json={})


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def partial_files(app: Flask) -> list[Path]:
    return list(app.extensions["jobs"].settings.transfers_dir.glob("*"))


@pytest.fixture
def content(short_voice: Path) -> bytes:
    return short_voice.read_bytes()


@pytest.fixture
def place(client: FlaskClient, content: bytes) -> str:
    """The address of a transfer that nothing has come of yet."""
    return begin(client, len(content)).headers["Location"]


def test_pieces_become_the_upload_that_the_whole_would_have_been(
    app: Flask, client: FlaskClient, content: bytes, place: str
) -> None:
    for start in range(0, len(content), 10_000):
        answer = append(client, place, start, content[start : start + 10_000])
        assert answer.status_code == 204
        assert int(answer.headers["Upload-Offset"]) == min(start + 10_000, len(content))
    made = finish(client, place)
    whole = client.post(
        "/api/v1/uploads?role=voice", data={"file": (io.BytesIO(content), "voice.wav")}
    )
    assert (made.status_code, whole.status_code) == (201, 201)
    assert made.get_json() | {"id": ""} == whole.get_json() | {"id": ""}
    storage = app.extensions["jobs"].storage
    (key,) = [file.key for file in storage.find()]  # the content is stored once
    with storage.open(key) as stored:
        assert stored.read() == content
    assert partial_files(app) == []


def test_a_finished_transfer_gives_the_same_upload_again(
    client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content)
    assert finish(client, place).get_json() == finish(client, place).get_json()
    assert here(client, place) == len(content)
    assert append(client, place, len(content), b"").status_code == 204
    assert code(append(client, place, 0, content)) == (409, "wrong-offset")


def test_of_two_who_finish_at_once_both_get_the_same_upload(
    app: Flask, client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content)
    transfers = Transfers(app.extensions["jobs"])
    transfer = transfers.get(place.rpartition("/")[2])
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: transfers.finish(transfer, "voice.wav").id, range(4)))
    assert len(set(made)) == 1
    with app.extensions["jobs"].database.read() as session:
        assert list(session.scalars(sa.select(Upload.id))) == made[:1]


def test_the_files_may_be_kept_elsewhere(
    site: Callable[..., Flask], content: bytes, tmp_path: Path
) -> None:
    client = site(storage_url=f"memory://{tmp_path.name}").test_client()
    place = begin(client, len(content)).headers["Location"]
    append(client, place, 0, content)
    assert finish(client, place).status_code == 201
    (stored,) = client.application.extensions["jobs"].storage.find()
    assert stored.bytes == len(content)
    assert partial_files(client.application) == []


def test_it_says_how_much_is_here_and_for_how_long(
    client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content[:700])
    answer = client.head(place, headers=TUS)
    assert answer.headers["Upload-Offset"] == "700"
    assert answer.headers["Upload-Length"] == str(len(content))
    assert answer.headers["Upload-Metadata"] == "filename dm9pY2Uud2F2"
    assert answer.headers["Upload-Expires"].endswith("GMT")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_it_says_which_tus_it_speaks(client: FlaskClient) -> None:
    answer = client.options(TRANSFERS)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,termination,expiration"
    assert answer.headers["Tus-Max-Size"] == "2000000"


@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
def test_another_protocol_is_named(client: FlaskClient, place: str, version: str | None) -> None:
    headers = {"Tus-Resumable": version} if version else {}
    answer = client.patch(place, headers=headers, content_type=PIECE)
    assert code(answer) == (412, "wrong-protocol")
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert client.head(place, headers=headers).status_code == 412
    assert code(client.post(TRANSFERS, headers=headers)) == (412, "wrong-protocol")


def append_from(client: FlaskClient, place: str, body: IO[bytes], length: int) -> TestResponse:
    """Announce a piece of `length` bytes and send what `body` gives."""
    overrides = {"wsgi.input": body, "CONTENT_LENGTH": str(length)}
    headers = {**TUS, "Upload-Offset": "0"}
    return client.patch(place, headers=headers, content_type=PIECE, environ_overrides=overrides)


def test_a_connection_that_breaks_costs_nothing_that_came(
    client: FlaskClient, content: bytes, place: str
) -> None:
    append_from(client, place, io.BytesIO(content[:5000]), len(content))
    assert here(client, place) == 5000
    assert append(client, place, 5000, content[5000:]).status_code == 204
    assert finish(client, place).status_code == 201


def test_a_piece_must_begin_where_the_file_ends(
    client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content[:1000])
    for offset in (0, 999, 1001, 10**14):
        assert code(append(client, place, offset, b"x")) == (409, "wrong-offset")
    assert here(client, place) == 1000


class Interrupted(io.BytesIO):
    """A body in whose middle something else happens."""

    def __init__(self, content: bytes, meanwhile: Callable[[], None]) -> None:
        super().__init__(content)
        self.meanwhile = meanwhile

    def readinto(self, buffer: Any) -> int:
        if self.tell() == 100:
            self.meanwhile()
        return super().readinto(memoryview(buffer)[:100])


def test_of_two_who_send_at_once_one_goes_on(
    client: FlaskClient, content: bytes, place: str
) -> None:
    def meanwhile() -> None:
        assert append(client, place, 100, content[100:150]).status_code == 204

    answer = append_from(client, place, Interrupted(content[:200], meanwhile), 200)
    assert code(answer) == (409, "wrong-offset")
    assert here(client, place) == 150
    append(client, place, 150, content[150:])
    assert finish(client, place).status_code == 201


def test_what_is_ended_meanwhile_stays_ended(
    client: FlaskClient, content: bytes, place: str
) -> None:
    def meanwhile() -> None:
        assert client.delete(place, headers=TUS).status_code == 204

    append_from(client, place, Interrupted(content[:200], meanwhile), 200)
    assert client.head(place, headers=TUS).status_code == 404
    assert partial_files(client.application) == []


@pytest.mark.parametrize("offset", ["-1", "1.0", "0x0", "", "9" * 16, "٣", "0, 0"])
def test_an_offset_is_a_number(client: FlaskClient, place: str, offset: str) -> None:
    headers = {**TUS, "Upload-Offset": offset.encode().decode("latin-1")}
    answer = client.patch(place, headers=headers, data=b"x", content_type=PIECE)
    assert code(answer) == (400, "bad-request")
    assert "Upload-Offset" in answer.get_json()["message"]
    assert here(client, place) == 0


@pytest.mark.parametrize("size", ["-1", "many", "", "1e3", "9" * 16])
def test_a_length_is_a_number(client: FlaskClient, size: str) -> None:
    assert code(begin(client, size)) == (400, "bad-request")


def test_no_more_is_taken_than_was_announced(client: FlaskClient, content: bytes) -> None:
    place = begin(client, 100).headers["Location"]
    assert code(append(client, place, 0, content[:101])) == (413, "too-large")
    assert here(client, place) <= 100
    assert code(begin(client, 2_000_001)) == (413, "too-large")


def test_a_piece_says_that_it_is_one(client: FlaskClient, place: str) -> None:
    headers = {**TUS, "Upload-Offset": "0"}
    for kind in ("application/json", "multipart/form-data; boundary=x", None):
        answer = client.patch(place, headers=headers, data=b"{}", content_type=kind)
        assert code(answer) == (415, "piece-expected")


@pytest.mark.parametrize("told", ["filename !", "filename /w==", "x " + "A" * 2000, "filename é"])
def test_a_name_that_is_none_is_refused(client: FlaskClient, told: str) -> None:
    answer = client.post(TRANSFERS, headers={**TUS, "Upload-Length": "1", "Upload-Metadata": told})
    assert code(answer) == (400, "bad-request")


@pytest.mark.parametrize("told", ["", "filename", "filetype YXVkaW8vd2F2", "is_private,filename "])
def test_a_file_may_come_without_a_name(client: FlaskClient, content: bytes, told: str) -> None:
    headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": told}
    place = client.post(TRANSFERS, headers=headers).headers["Location"]
    append(client, place, 0, content)
    assert finish(client, place).get_json()["name"] == "unnamed"


def test_what_is_not_complete_is_no_upload_yet(
    client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content[:-1])
    answer = finish(client, place)
    assert code(answer) == (409, "not-complete")
    append(client, place, len(content) - 1, content[-1:])
    assert finish(client, place).status_code == 201


@pytest.mark.parametrize("junk", [b"", b"this is no sound\n" * 50])
def test_what_cannot_be_read_is_refused_as_ever_and_forgotten(
    app: Flask, client: FlaskClient, junk: bytes
) -> None:
    place = begin(client, len(junk)).headers["Location"]
    append(client, place, 0, junk)
    assert finish(client, place).get_json()["code"] in ("unreadable-media", "unsupported-type")
    assert client.head(place, headers=TUS).status_code == 404
    assert partial_files(app) == []


def test_a_sound_is_no_face_however_it_comes(
    app: Flask, client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content)
    assert code(finish(client, place, "source")) == (422, "not-a-face-file")
    assert list(app.extensions["jobs"].storage.find()) == []
    assert code(finish(client, place)) == (404, "not-found")


def test_it_can_be_ended(app: Flask, client: FlaskClient, content: bytes, place: str) -> None:
    append(client, place, 0, content[:10])
    assert client.delete(place, headers=TUS).status_code == 204
    assert partial_files(app) == []
    for answer in (append(client, place, 10, b"x"), finish(client, place)):
        assert code(answer) == (404, "not-found")


def test_a_new_server_goes_on_where_the_old_one_was(
    site: Callable[..., Flask], client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content[:1000])
    later = site().test_client()
    cookie = client.get_cookie("session")
    assert cookie is not None
    later.set_cookie("session", cookie.value)
    assert here(later, place) == 1000
    append(later, place, 1000, content[1000:])
    assert finish(later, place).status_code == 201


def test_what_waits_too_long_is_forgotten(
    app: Flask, client: FlaskClient, content: bytes, place: str
) -> None:
    append(client, place, 0, content[:10])
    orphan = app.extensions["jobs"].settings.transfers_dir / ("0" * 32)
    orphan.write_bytes(b"of a row that was never written")
    jobs = app.extensions["jobs"]
    assert tidy(jobs)["transfers"] == 0
    assert tidy(jobs, time.time() + 7 * HOUR)["transfers"] == 1  # the file of nobody
    assert here(client, place) == 10
    assert tidy(jobs, time.time() + 25 * HOUR)["transfers"] == 1
    assert client.head(place, headers=TUS).status_code == 404
    assert partial_files(app) == []


def test_a_partial_file_that_was_lost_is_said(
    app: Flask, client: FlaskClient, content: bytes, place: str
) -> None:
    for path in partial_files(app):
        path.unlink()
    assert code(append(client, place, 0, content)) == (404, "not-found")
    assert code(finish(client, place)) == (404, "not-found")


def test_what_is_announced_counts_as_if_it_were_here(site: Callable[..., Flask]) -> None:
    client = site(bytes_per_client=1000).test_client()
    place = begin(client, 600).headers["Location"]
    assert code(begin(client, 600)) == (413, "too-much-stored")
    client.delete(place, headers=TUS)
    assert begin(client, 600).status_code == 201


def test_the_last_byte_of_an_allowance_can_be_used(
    site: Callable[..., Flask], content: bytes
) -> None:
    """Neither the transfer nor the upload is counted beside the other."""
    client = site(bytes_per_client=len(content)).test_client()
    place = begin(client, len(content)).headers["Location"]
    append(client, place, 0, content)
    assert finish(client, place).status_code == 201
    assert code(begin(client, 1)) == (413, "too-much-stored")


def test_there_must_be_room_before_anything_comes(
    site: Callable[..., Flask], content: bytes
) -> None:
    full = site(disk_reserve_bytes=1 << 60).test_client()
    assert code(begin(full, 10)) == (507, "disk-full")
    client = site(disk_quota_bytes=1000).test_client()
    place = begin(client, 600).headers["Location"]
    append(client, place, 0, content[:500])
    assert code(begin(client, 600)) == (507, "disk-full")


def test_files_are_counted_and_pieces_are_not(site: Callable[..., Flask], content: bytes) -> None:
    client = site(uploads_per_hour=1).test_client()
    place = begin(client, len(content)).headers["Location"]
    for start in range(0, len(content), 20_000):
        assert append(client, place, start, content[start : start + 20_000]).status_code == 204
    assert finish(client, place).status_code == 201
    assert code(begin(client, 1)) == (429, "too-often")


def test_a_busy_server_takes_the_piece_later(site: Callable[..., Flask], content: bytes) -> None:
    client = site(uploads_at_once=1).test_client()
    place = begin(client, len(content)).headers["Location"]
    shares = client.application.extensions["uploads"]
    assert shares.acquire({"somebody else"})
    assert code(append(client, place, 0, content)) == (503, "busy")
    assert code(finish(client, place)) == (503, "busy")
    shares.release({"somebody else"})
    assert append(client, place, 0, content).status_code == 204


def test_a_site_of_others_can_neither_begin_nor_send(client: FlaskClient, place: str) -> None:
    headers = {**TUS, "Upload-Length": "1", "Sec-Fetch-Site": "cross-site"}
    assert code(client.post(TRANSFERS, headers=headers)) == (403, "cross-site")
    assert code(client.patch(place, headers=headers, content_type=PIECE)) == (403, "cross-site")
