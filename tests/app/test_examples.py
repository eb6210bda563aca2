"""Every example of openapi.json is tried: requests against the real application, answers against
their schemas. Ids in the examples stand for what a client was given before.
"""

import io
import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app, sample
from jobs.records import Job, Person, Segment
from jobs.service import Jobs
from jobs.settings import Settings
from media import provenance
from media.assemble import concatenate
from media.certificate import local_certificate
from media.video_writer import VideoWriter

from .conftest import DOCUMENT, PREFIX, TruthfulClient, resolved

FACE, VOICE, JOB, TRANSFER = ("1" * 32, "2" * 32, "3" * 32, "4" * 32)
STATES = {"chooseVoices": "choosing", "retryJob": "failed", "showBeginning": "rendering"}

Operation = dict[str, Any]


def operations() -> Iterator[tuple[str, str, Operation]]:
    """Path, method and description of each, with the parameters of its path among its own."""
    for path, item in DOCUMENT["paths"].items():
        for method in sorted(item.keys() - {"parameters"}):
            shared = item.get("parameters", [])
            parameters = [resolved(each) for each in shared + item[method].get("parameters", [])]
            yield path, method, {**item[method], "parameters": parameters}


def bodies(content: dict[str, Any]) -> dict[str, Any]:
    """The examples of one kind of body, by their names."""
    named = {
        name: resolved(example)["value"] for name, example in content.get("examples", {}).items()
    }
    return named | ({"example": content["example"]} if "example" in content else {})


def requests() -> Iterator[Any]:
    """Every operation with each of its examples."""
    for path, method, described in operations():
        contents = described.get("requestBody", {}).get("content", {})
        given = [(kind, name) for kind in contents for name in bodies(contents[kind])]
        for kind, name in given or [("", "")]:
            body = bodies(contents[kind])[name] if kind else None
            title = f"{described['operationId']} {name}"
            yield pytest.param(path, method, described, kind, body, id=title.strip())


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("site")
    app = create_app(
        Settings(var_dir=folder / "var", broker_url="memory://", open_jobs_per_client=0)
    )
    app.test_client_class = TruthfulClient
    return app


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def uploads(client: FlaskClient) -> dict[str, str]:
    """A face and a voice, under the ids that the examples have for them."""
    made = client.post(f"{PREFIX}/sample", json={}).get_json()
    known = {FACE: made["source"]["id"], VOICE: made["voice"]["id"]}
    # A job that stays, so that no other takes them along when it is deleted.
    body = {"source": known[FACE], "voices": [{"audio": known[VOICE]}]}
    assert client.post(f"{PREFIX}/jobs", json=body).status_code == 202
    return known


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, short_voice: Path) -> bytes:
    """A video with credentials, as a job makes one."""
    folder = tmp_path_factory.mktemp("result")
    with VideoWriter(folder / "segment.mp4", 64, 64, Fraction(25)) as writer:
        for level in range(15):
            writer.write(np.full((64, 64, 3), 10 * level, np.uint8))
    video = folder / "result.mp4"
    concatenate([folder / "segment.mp4"], short_voice, video, Fraction(25), 15)
    made_from = [provenance.Ingredient("source", sample.sample_face())]
    provenance.sign(video, made_from, {"checkpoint": "compact"}, local_certificate(folder))
    return video.read_bytes()


def furnish(jobs: Jobs, id: str, state: str, video: bytes) -> None:
    """Write down of a job what workers find out and make until it is in that state."""
    picture, first, result = (f"jobs/{id}/{name}" for name in ("p.jpg", "first.mp4", "result.mp4"))
    for key in (picture, first, result):
        with jobs.storage.scratch() as folder:
            (folder / "file").write_bytes(video)
            jobs.storage.put_at(key, folder / "file")
    with jobs.database.write() as session:
        job = session.get_one(Job, id)
        job.state = state
        job.picture = {"key": picture, "frame": 0, "width": 512, "height": 512}
        boxes = [
            {"person": 1, "box": [173, 51, 275, 205]},
            {"person": 2, "box": [360, 70, 450, 190]},
        ]
        job.previews = [{"frame": 0, "time": 0.0, "key": picture, "boxes": boxes}]
        job.persons = [
            Person(
                number=each["person"],
                box=each["box"],
                frame=0,
                score=0.98,
                thumbnail_key=picture,
                intervals=[[0.0, 0.04]],
                share=1.0,
            )
            for each in boxes
        ]
        job.segments = [
            Segment(step="detect", index=0, start=0, stop=1, seconds=0.4, state="done"),
            Segment(step="render", index=0, start=0, stop=50, seconds=2, state="done", key=first),
        ]
        job.result_key = result if state == "done" else None


@pytest.fixture
def known(
    app: Flask, client: FlaskClient, uploads: dict[str, str], result: bytes
) -> Callable[[str], dict[str, str]]:
    """Gives for an operation what the ids of its examples stand for."""

    def known(operation: str) -> dict[str, str]:
        body = {"source": uploads[FACE], "voices": [{"audio": uploads[VOICE]}]}
        job: str = client.post(f"{PREFIX}/jobs", json=body).get_json()["id"]
        furnish(app.extensions["jobs"], job, STATES.get(operation, "done"), result)
        client.post(f"{PREFIX}/uploads/{uploads[FACE]}/faces", json={})
        return {**uploads, JOB: job, TRANSFER: transfer(client, operation == "finishTransfer")}

    return known


def transfer(client: FlaskClient, complete: bool) -> str:
    """A file in pieces, of which all or nothing has come."""
    tus = {"Tus-Resumable": "1.0.0"}
    content = sample.sample_face().read_bytes()
    begun = client.post(f"{PREFIX}/transfers", headers={**tus, "Upload-Length": str(len(content))})
    if complete:
        sent = client.patch(
            begun.location,
            data=content,
            headers={**tus, "Upload-Offset": "0"},
            content_type="application/offset+octet-stream",
        )
        assert sent.status_code == 204
    return str(begun.location).rpartition("/")[2]


def put_in(value: str, known: dict[str, str]) -> str:
    for example, real in known.items():
        value = value.replace(example, real)
    return value


@pytest.mark.parametrize(("path", "method", "described", "kind", "body"), list(requests()))
def test_a_request_as_in_the_example_works(
    client: FlaskClient,
    known: Callable[[str], dict[str, str]],
    path: str,
    method: str,
    described: Operation,
    kind: str,
    body: Any,
) -> None:
    real = known(described["operationId"])
    sent: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    for parameter in described["parameters"]:
        if "example" in parameter or parameter.get("required"):
            value = parameter.get("example", parameter["schema"].get("const"))
            sent[parameter["in"]][parameter["name"]] = put_in(str(value), real)
    options: dict[str, Any] = {}
    if kind == "application/json":
        options["json"] = json.loads(put_in(json.dumps(body), real))
    elif kind == "multipart/form-data":
        options["data"] = {"file": (io.BytesIO(sample.sample_face().read_bytes()), body["file"])}
    elif kind:
        options["data"], options["content_type"] = body.encode(), kind
    answer = client.open(
        PREFIX + path.format(**sent["path"]),
        method=method.upper(),
        query_string=sent["query"],
        headers=sent["header"],
        **options,
    )
    assert answer.status_code < 300, answer.text


def answers() -> Iterator[Any]:
    """Every kind of JSON that may be answered or told, with its examples."""
    whole = [(described["operationId"], described) for _, _, described in operations()]
    told = [(name, item["post"]) for name, item in DOCUMENT["webhooks"].items()]
    for title, described in whole + told:
        parts = [resolved(each) for each in described["responses"].values()]
        parts += [described["requestBody"]] if "requestBody" in described else []
        for part in parts:
            for kind, content in part.get("content", {}).items():
                if kind.endswith("json"):
                    yield pytest.param(content, id=f"{title} {kind}")


@pytest.mark.parametrize("content", list(answers()))
def test_what_is_sent_has_examples_that_fit_their_schema(content: dict[str, Any]) -> None:
    whole = {**content["schema"], "components": DOCUMENT["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    assert bodies(content)
    for example in bodies(content).values():
        validator.validate(example)


def test_every_error_that_an_operation_names_is_explained() -> None:
    explained = Path("docs/errors.md").read_text()
    general = DOCUMENT["components"]["responses"]["Problem"]["x-errors"]
    for _, _, described in operations():
        for code in [*described.get("x-errors", []), *general]:
            assert f"`{code}`" in explained, code
