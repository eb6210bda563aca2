"""Jobs through the API. No worker runs here: what a worker does is written into the rows."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import files
from app.transfer_shares import Shares
from jobs import retention
from jobs.records import Job, Person, Segment, Upload
from jobs.service import UNDO_SECONDS, Jobs
from media.video_writer import VideoWriter

JOBS = "/api/v1/jobs"
NOBODY = "0" * 32

Change = Callable[[Job], None]


@pytest.fixture
def sample(client: FlaskClient) -> dict[str, Any]:
    made: dict[str, Any] = client.post("/api/v1/sample", json={}).get_json()
    return made


@pytest.fixture
def request_body(sample: dict[str, Any]) -> dict[str, Any]:
    return {"source": sample["source"]["id"], "voices": [{"audio": sample["voice"]["id"]}]}


@pytest.fixture
def job(client: FlaskClient, request_body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(JOBS, json=request_body | {"consent": True})
    assert response.status_code == 202
    made: dict[str, Any] = response.get_json()
    return made


@pytest.fixture
def work(app: Flask, job: dict[str, Any]) -> Callable[[Change], None]:
    """Does to the job's row what a worker would do."""

    def work(change: Change) -> None:
        with app.extensions["jobs"].database.write() as session:
            change(session.get_one(Job, job["id"]))

    return work


def store(jobs: Jobs, key: str, content: bytes) -> str:
    with jobs.storage.scratch() as folder:
        (folder / "file").write_bytes(content)
        jobs.storage.put_at(key, folder / "file")
    return key


@pytest.fixture
def result(app: Flask, job: dict[str, Any], work: Callable[[Change], None]) -> bytes:
    """The job is done, and this is its video."""
    content = bytes(range(256)) * 1000
    key = store(app.extensions["jobs"], f"jobs/{job['id']}/result.mp4", content)

    def finish(record: Job) -> None:
        record.state, record.result_key = "done", key

    work(finish)
    return content


@pytest.fixture
def two_persons(app: Flask, job: dict[str, Any], work: Callable[[Change], None]) -> None:
    """The job asks who speaks."""
    key = store(app.extensions["jobs"], f"jobs/{job['id']}/picture.jpg", b"jpeg")

    def ask(record: Job) -> None:
        record.state = "choosing"
        record.picture = {"key": key, "width": 512, "height": 512, "frame": 0}
        record.previews = [
            {
                "frame": 40 * n,
                "time": 1.6 * n,
                "key": key,
                "boxes": [{"person": 1, "box": [1, 2, 3, 4]}],
            }
            for n in range(3)
        ]
        record.persons = [
            Person(
                number=n,
                box=[10.0 * n, 5.5, 10.0 * n + 8, 15],
                frame=0,
                score=0.9,
                thumbnail_key=key,
                intervals=[[0.5, 2.0], [3.0, 4.2]],
                share=0.5,
            )
            for n in (1, 2)
        ]

    work(ask)


def test_a_new_job_tells_what_it_will_do(client: FlaskClient, job: dict[str, Any]) -> None:
    seen = client.get(f"{JOBS}/{job['id']}").get_json()
    assert seen["state"] == "uploaded"
    assert seen["source"]["name"] == "astronaut.png"
    assert [voice["name"] for voice in seen["voices"]] == ["hello.mp3"]
    assert seen["voices"][0]["person"] is None
    assert seen["options"]["checkpoint"] == "compact"
    assert seen["persons"] == []
    assert seen["result"] is None
    assert seen["error"] is None


def test_consent_is_stored_with_the_job(app: Flask, job: dict[str, Any]) -> None:
    assert app.extensions["jobs"].job(job["id"]).consent is not None


def test_a_program_that_does_not_speak_of_consent_is_served(
    app: Flask, client: FlaskClient, request_body: dict[str, Any]
) -> None:
    made = client.post(JOBS, json=request_body)
    assert made.status_code == 202
    assert app.extensions["jobs"].job(made.get_json()["id"]).consent is None


def test_without_consent_there_is_no_job(client: FlaskClient, request_body: dict[str, Any]) -> None:
    response = client.post(JOBS, json=request_body | {"consent": False})
    assert (response.status_code, response.get_json()["code"]) == (422, "consent-missing")


def test_options_are_kept(client: FlaskClient, request_body: dict[str, Any]) -> None:
    options = {"overlay": True, "pads": [0, 20, 0, 0], "fps": 29.97, "box": [1, 2, 30.5, 40]}
    kept = client.post(JOBS, json=request_body | {"options": options}).get_json()["options"]
    assert kept["overlay"] is True
    assert kept["pads"] == [0, 20, 0, 0]
    assert kept["fps"] == pytest.approx(29.97, abs=0.001)
    assert kept["box"] == [1, 2, 30.5, 40]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"source": NOBODY}, "not-found"),
        ({"source": 5}, "bad-field"),
        ({"source": ""}, "bad-field"),
        ({"voices": []}, "no-voice"),
        ({"voices": "x"}, "bad-field"),
        ({"voices": [{"audio": NOBODY}] * 51}, "too-many-voices"),
        ({"voices": ["x"]}, "bad-field"),
        ({"voices": [{"audio": NOBODY}]}, "not-found"),
        ({"voices": [{"audio": NOBODY, "person": 0}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "gain": "loud"}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "voice": 1}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "point": [1, 2]}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "point": {"x": 1}}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "point": {"x": 1, "y": -1}}]}, "bad-field"),
        ({"voices": [{"audio": NOBODY, "point": {"x": 1, "y": 1, "frame": -1}}]}, "bad-field"),
        (
            {"voices": [{"audio": NOBODY, "point": {"x": 1, "y": 1, "frame": 1, "time": 1}}]},
            "bad-field",
        ),
        ({"voices": [{"audio": NOBODY, "person": 1, "point": {"x": 1, "y": 1}}]}, "bad-field"),
        ({"options": {"sync_mode": "backwards"}}, "bad-option"),
        ({"options": {"soundtrack_gain": 61}}, "bad-option"),
        ({"options": []}, "bad-field"),
        ({"options": {"zoom": 2}}, "bad-option"),
        ({"options": {"fps": "1e999999999"}}, "bad-option"),
        ({"options": {"fps": "25/0"}}, "bad-option"),
        ({"options": {"pads": [1, 2]}}, "bad-option"),
        ({"options": {"checkpoint": "../../etc/passwd"}}, "bad-option"),
        ({"consent": "yes"}, "bad-field"),
        ({"sauce": 1}, "bad-field"),
    ],
)
def test_a_wrong_request_is_named(
    client: FlaskClient, request_body: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    response = client.post(JOBS, json=request_body | change)
    assert response.get_json()["code"] == code
    assert response.status_code == (404 if code == "not-found" else 422)


def test_files_in_each_others_place_are_refused(
    client: FlaskClient, sample: dict[str, Any]
) -> None:
    face, voice = sample["source"]["id"], sample["voice"]["id"]
    swapped = client.post(JOBS, json={"source": voice, "voices": [{"audio": face}]})
    assert swapped.get_json()["code"] == "not-a-face-file"
    twice = client.post(JOBS, json={"source": face, "voices": [{"audio": face}]})
    assert twice.get_json()["code"] == "not-a-voice"


@pytest.mark.parametrize("body", ["", "{", "[]", "5", '"x"', "null", "[" * 200_000, "9" * 9999])
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: str) -> None:
    response = client.post(JOBS, data=body, content_type="application/json")
    assert response.status_code in (400, 422)


def test_the_list_is_the_visitors_own(
    client: FlaskClient, stranger: FlaskClient, job: dict[str, Any]
) -> None:
    assert [each["id"] for each in client.get(JOBS).get_json()["jobs"]] == [job["id"]]
    assert stranger.get(JOBS).get_json() == {"jobs": []}


def test_what_does_not_exist_is_not_found(client: FlaskClient, job: dict[str, Any]) -> None:
    known = f"{JOBS}/{job['id']}"
    for path in (
        f"{JOBS}/{NOBODY}",
        f"{JOBS}/{NOBODY}/result",
        f"{known}/result",
        f"{known}/picture",
        f"{known}/persons/1/thumbnail",
        "/api/v1/nothing",
    ):
        response = client.get(path)
        assert (response.status_code, response.get_json()["code"]) == (404, "not-found")


def test_the_picker_is_told_where_the_faces_are(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    seen = client.get(f"{JOBS}/{job['id']}").get_json()
    assert [person["id"] for person in seen["persons"]] == [1, 2]
    assert seen["persons"][0]["box"] == [10, 5.5, 18, 15]
    assert (seen["picture"]["width"], seen["picture"]["height"]) == (512, 512)
    for address in (seen["picture"]["url"], seen["persons"][1]["thumbnail"]):
        assert client.get(address).data == b"jpeg"


def test_the_picker_is_told_when_people_are_in_sight(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    person = client.get(f"{JOBS}/{job['id']}").get_json()["persons"][1]
    assert (person["first"], person["last"], person["share"]) == (0.5, 4.2, 0.5)
    assert person["intervals"] == [[0.5, 2.0], [3.0, 4.2]]


def test_a_video_can_be_looked_through(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    address = f"{JOBS}/{job['id']}"
    previews = client.get(address).get_json()["previews"]
    assert [(each["frame"], each["time"]) for each in previews] == [(0, 0), (40, 1.6), (80, 3.2)]
    assert previews[2]["boxes"] == [{"person": 1, "box": [1, 2, 3, 4]}]
    assert client.get(previews[2]["picture"]).data == b"jpeg"
    assert client.get(f"{address}/previews/3").status_code == 404
    (listed,) = client.get(JOBS).get_json()["jobs"]
    assert listed["previews"] == []


def test_a_speaker_may_be_pointed_at(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    point = {"x": 14.5, "y": 9, "time": 0.4}
    voices = [{"audio": job["voices"][0]["audio"], "point": point}]
    answered = client.put(f"{JOBS}/{job['id']}/voices", json={"voices": voices}).get_json()
    assert answered["voices"][0]["point"] == point | {"frame": None}
    assert answered["summary"] == "Waiting for its turn"


def test_what_was_not_animated_is_told(
    client: FlaskClient, job: dict[str, Any], work: Callable[[Change], None]
) -> None:
    stretch = {"person": 1, "start": 0.4, "stop": 1.2, "reason": "out-of-sight"}

    def finish(record: Job) -> None:
        record.state, record.not_animated = "done", [stretch]

    assert client.get(f"{JOBS}/{job['id']}").get_json()["not_animated"] == []
    work(finish)
    assert client.get(f"{JOBS}/{job['id']}").get_json()["not_animated"] == [stretch]


def test_what_is_done_to_a_source_is_told(
    client: FlaskClient, job: dict[str, Any], work: Callable[[Change], None]
) -> None:
    def tone_map(record: Job) -> None:
        record.source.info = record.source.info | {"notes": ["hdr"]}
        record.options = record.options | {"checkpoint": "wav2lip", "strength": 1.5}
        record.notes = ["Voice 1: nothing was heard as speech."]

    work(tone_map)
    converted, unused, unheard = client.get(f"{JOBS}/{job['id']}").get_json()["notes"]
    assert "tone-mapped" in converted
    assert "strength was not used" in unused
    assert unheard == "Voice 1: nothing was heard as speech."


def test_a_result_can_be_the_next_source(
    app: Flask,
    client: FlaskClient,
    job: dict[str, Any],
    request_body: dict[str, Any],
    work: Callable[[Change], None],
    tmp_path: Path,
) -> None:
    address = f"{JOBS}/{job['id']}/source"
    refused = client.post(address, json={})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "not-now")

    jobs: Jobs = app.extensions["jobs"]
    with VideoWriter(tmp_path / "talking.mp4", 64, 48, Fraction(25)) as writer:
        for level in range(5):
            writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    key = store(jobs, f"jobs/{job['id']}/result.mp4", (tmp_path / "talking.mp4").read_bytes())

    def finish(record: Job) -> None:
        record.state, record.result_key = "done", key

    work(finish)
    source = client.post(address, json={}).get_json()
    assert (source["name"], source["kind"]) == ("astronaut-talking.mp4", "video")
    with jobs.storage.local(key) as result:
        assert result.stat().st_nlink == 2  # one file under two names

    def gain(**options: Any) -> float:
        body = request_body | {"source": source["id"], "options": {"overlay": True, **options}}
        made: float = client.post(JOBS, json=body).get_json()["options"]["soundtrack_gain"]
        return made

    assert gain() == 0
    assert gain(soundtrack_gain=-9) == -9
    assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    with jobs.database.read() as session:
        assert jobs.storage.exists(session.get_one(Upload, source["id"]).key)


def test_the_picker_is_answered(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    voices = [{"audio": job["voices"][0]["audio"], "person": 2}]
    answered = client.put(f"{JOBS}/{job['id']}/voices", json={"voices": voices})
    assert answered.status_code == 200
    assert answered.get_json()["voices"][0]["person"] == 2
    assert answered.get_json()["summary"] == "Waiting for its turn"


def test_a_person_who_is_not_there_cannot_be_chosen(
    client: FlaskClient, job: dict[str, Any], two_persons: None
) -> None:
    voices = [{"audio": job["voices"][0]["audio"], "person": 3}]
    response = client.put(f"{JOBS}/{job['id']}/voices", json={"voices": voices})
    assert (response.status_code, response.get_json()["code"]) == (422, "no-such-person")


def test_an_answer_to_no_question_is_refused(client: FlaskClient, job: dict[str, Any]) -> None:
    voices = [{"audio": job["voices"][0]["audio"], "person": 1}]
    response = client.put(f"{JOBS}/{job['id']}/voices", json={"voices": voices})
    assert (response.status_code, response.get_json()["code"]) == (409, "not-now")


def test_progress_counts_frames(
    client: FlaskClient, job: dict[str, Any], work: Callable[[Change], None]
) -> None:
    def render(record: Job) -> None:
        record.state = "rendering"
        record.segments = [
            Segment(
                step="render",
                index=0,
                start=0,
                stop=125,
                state="done",
                done_frames=125,
                seconds=10.0,
            ),
            Segment(
                step="render",
                index=1,
                start=125,
                stop=200,
                state="running",
                done_frames=25,
                seconds=2.0,
            ),
        ]

    work(render)
    progress = client.get(f"{JOBS}/{job['id']}").get_json()["progress"]
    assert (progress["step"], progress["done"], progress["total"]) == ("render", 150, 200)
    assert progress["seconds_left"] == pytest.approx(4.0)


def test_cancelling_stops_a_running_job_and_leaves_a_finished_one(
    client: FlaskClient, job: dict[str, Any], work: Callable[[Change], None]
) -> None:
    cancel = f"{JOBS}/{job['id']}/cancel"
    assert client.post(cancel, json={}).get_json()["state"] == "cancelled"

    def finish(record: Job) -> None:
        record.state, record.result_key = "done", "jobs/key"

    work(finish)
    late = client.post(cancel, json={})
    assert (late.status_code, late.get_json()["state"]) == (200, "done")
    assert late.get_json()["result"]


def test_deleting_can_be_undone_until_it_is_deleted_for_good(
    app: Flask, client: FlaskClient, stranger: FlaskClient, job: dict[str, Any]
) -> None:
    address, jobs = f"{JOBS}/{job['id']}", app.extensions["jobs"]
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == client.delete(address).status_code == 404
    assert client.get(JOBS).get_json()["jobs"] == []
    assert stranger.post(f"{address}/restore", json={}).status_code == 404
    assert retention.delete_discarded(jobs, time.time() + UNDO_SECONDS) == 0
    back = client.post(f"{address}/restore", json={})
    assert (back.status_code, back.get_json()["state"]) == (200, "cancelled")
    assert client.get(address).status_code == 200
    client.delete(address)
    assert retention.delete_discarded(jobs, time.time() + UNDO_SECONDS + 6) == 1
    assert client.post(f"{address}/restore", json={}).status_code == 404
    assert list(jobs.storage.find()) == []


def test_a_failed_job_says_why_and_can_be_retried(
    client: FlaskClient, job: dict[str, Any], work: Callable[[Change], None]
) -> None:
    error = {"code": "disk-full", "message": "The disk is full.", "remedy": "Free some space."}

    def fail(record: Job) -> None:
        record.state, record.error = "failed", error

    work(fail)
    seen = client.get(f"{JOBS}/{job['id']}").get_json()
    assert seen["error"] == error
    assert seen["retryable"]
    retried = client.post(f"{JOBS}/{job['id']}/retry", json={})
    assert (retried.status_code, retried.get_json()["state"]) == (200, "uploaded")
    assert client.post(f"{JOBS}/{job['id']}/retry", json={}).status_code == 409


def test_the_result_is_served_whole(
    client: FlaskClient, job: dict[str, Any], result: bytes
) -> None:
    address = client.get(f"{JOBS}/{job['id']}").get_json()["result"]
    response = client.get(address)
    assert response.data == result
    assert response.mimetype == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert (
        response.headers["Content-Disposition"] == ('inline; filename="astronaut-talking.mp4"')
        or response.headers["Content-Disposition"] == "inline; filename=astronaut-talking.mp4"
    )


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-", 0, 256_000),
        ("0-99", 0, 100),
        ("255990-", 255_990, 256_000),
        ("-10", 255_990, 256_000),
    ],
)
def test_the_result_is_served_in_ranges(
    client: FlaskClient, job: dict[str, Any], result: bytes, asked: str, start: int, stop: int
) -> None:
    response = client.get(f"{JOBS}/{job['id']}/result", headers={"Range": f"bytes={asked}"})
    assert response.status_code == 206
    assert response.data == result[start:stop]
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/256000"


def test_a_range_beyond_the_end_is_refused(
    client: FlaskClient, job: dict[str, Any], result: bytes
) -> None:
    response = client.get(f"{JOBS}/{job['id']}/result", headers={"Range": "bytes=300000-"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */256000"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "items=0-9"}, 200),
        ({"Range": "bytes=9-0"}, 200),
        ({"Range": "bytes=0-9", "If-Range": '"another file"'}, 200),
        ({"Range": "bytes=0-9, 50-"}, 206),
    ],
)
def test_a_range_that_cannot_be_used_is_ignored_and_several_are_sent(
    client: FlaskClient,
    job: dict[str, Any],
    result: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    response = client.get(f"{JOBS}/{job['id']}/result", headers=headers)
    assert response.status_code == status
    assert response.content_length == len(response.data)
    if status == 200:
        assert response.data == result
    else:
        assert response.mimetype == "multipart/byteranges"
        assert b"\r\n\r\n" + result[50:] + b"\r\n--" in response.data


def test_downloads_have_their_share_and_give_it_back(
    app: Flask,
    job: dict[str, Any],
    client: FlaskClient,
    result: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "UNCOUNTED_BYTES", 1000)
    shares = app.extensions["downloads"] = Shares(total=1, each=1)
    address = f"{JOBS}/{job['id']}/result"
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=300000-"}):
        client.get(address, headers=headers)
    assert shares.acquire({"somebody else"})
    refused = client.get(address)
    assert (refused.status_code, refused.get_json()["code"]) == (503, "busy")


def test_an_unchanged_result_is_not_sent_again(
    client: FlaskClient, job: dict[str, Any], result: bytes
) -> None:
    address = f"{JOBS}/{job['id']}/result"
    tag = client.get(address).headers["ETag"]
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_a_download_has_a_telling_name(
    client: FlaskClient, job: dict[str, Any], result: bytes
) -> None:
    response = client.get(f"{JOBS}/{job['id']}/result?download=1")
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert "astronaut-talking.mp4" in response.headers["Content-Disposition"]


def test_a_result_whose_file_is_gone_is_not_found(
    app: Flask, client: FlaskClient, job: dict[str, Any], result: bytes
) -> None:
    (Path(app.extensions["jobs"].storage.root) / "jobs" / job["id"] / "result.mp4").unlink()
    assert client.get(f"{JOBS}/{job['id']}/result").status_code == 404


def test_a_webhook_is_kept_and_its_secret_never_shown(
    client: FlaskClient, app: Flask, request_body: dict[str, Any]
) -> None:
    hook = {"url": "https://hooks.example.com/told", "secret": "0123456789abcdef"}
    made = client.post(JOBS, json=request_body | {"webhook": hook})
    assert made.get_json()["webhook"] == {"url": hook["url"], "signed": True, "deliveries": []}
    job = client.post(f"{JOBS}/{made.get_json()['id']}/cancel", json={}).get_json()
    (delivery,) = job["webhook"]["deliveries"]
    assert (delivery["event"], delivery["state"]) == ("job.cancelled", "waiting")
    assert (delivery["attempts"], delivery["error"]) == (0, None)
    assert hook["secret"] not in client.get(f"{JOBS}/{job['id']}").text
    assert hook["secret"] not in client.get(f"{JOBS}/{job['id']}/details").text


@pytest.mark.parametrize(
    ("webhook", "code"),
    [
        ({"url": "http://hooks.example.com/"}, "bad-webhook"),
        ({"url": "https://127.0.0.1/"}, "bad-webhook"),
        ({"url": "https://hooks.example.com/", "secret": "short"}, "bad-webhook"),
        ({"url": "https://hooks.example.com/", "password": "x"}, "bad-field"),
        ({"url": 7}, "bad-field"),
        ("https://hooks.example.com/", "bad-field"),
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused_with_the_job(
    client: FlaskClient, request_body: dict[str, Any], webhook: Any, code: str
) -> None:
    answer = client.post(JOBS, json=request_body | {"webhook": webhook})
    assert (answer.status_code, answer.get_json()["code"]) == (422, code)
    assert client.get(JOBS).get_json()["jobs"] == []
