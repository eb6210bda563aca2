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


@pytest.mark.parametrize(("path", "method", "mode"), requests())
def test_answers_are_the_documented_ones(
    app: Flask, path: str, method: str, mode: GenerationMode
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
        case.call_and_validate(checks=CHECKS)

    answers_as_promised()
