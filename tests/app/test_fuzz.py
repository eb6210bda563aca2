"""What the document allows, and much that it does not: never a 5xx, never another answer."""

import json
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from jobs import tokens

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
DOCUMENT = json.loads(Path("app/api/openapi.json").read_text())
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CHECKS = [  # a request that fits the document may still be refused: its files do not exist
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def requests() -> list[tuple[str, str, GenerationMode]]:
    """Every operation with what fits the document, and with what does not, where it has a say."""
    found = []
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() - {"parameters"}:
            said = {"requestBody", "parameters"} & (item[method].keys() | item.keys())
            modes = [POSITIVE, NEGATIVE] if said else [POSITIVE]
            found += [(path, method, mode) for mode in modes]
    return sorted(found)


@pytest.fixture
def own(app: Flask) -> dict[str, str]:
    """The header of a program, and the id of a job of its own."""
    headers = {"Authorization": f"Bearer {tokens.create(app.extensions['jobs'].database, 'me')}"}
    client = app.test_client()
    made = client.post("/api/v1/sample", json={}, headers=headers).get_json()
    body = {"source": made["source"]["id"], "voices": [{"audio": made["voice"]["id"]}]}
    job: str = client.post("/api/v1/jobs", json=body, headers=headers).get_json()["id"]
    return {"id": job, **headers}


@pytest.mark.parametrize("known", [False, True], ids=["stranger", "owner"])
@pytest.mark.parametrize(("path", "method", "mode"), requests())
def test_answers_are_the_documented_ones(
    app: Flask, own: dict[str, str], path: str, method: str, mode: GenerationMode, known: bool
) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = app
    operation = schema[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=8,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answers_as_promised(case: Case) -> None:
        if known:  # deeper in: the job is there, and belongs to who asks
            case.headers["Authorization"] = own["Authorization"]
            if "id" in case.path_parameters:
                case.path_parameters["id"] = own["id"]
        case.call_and_validate(checks=CHECKS)

    answers_as_promised()
