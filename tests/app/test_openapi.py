"""openapi.json says what the application does: no more routes, no fewer, no other answers.

That the answers are the promised ones is checked at every request of every test here (conftest).
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

PREFIX = "/api/v1"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get(f"{PREFIX}/openapi.json").get_json()
    return document


def test_the_document_is_served_as_it_lies_in_the_repository(document: dict[str, Any]) -> None:
    assert document == json.loads(Path("app/api/openapi.json").read_text())
    assert document["openapi"].startswith("3.1")


def test_document_and_routes_agree(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).removeprefix(PREFIX), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX)
        for method in (rule.methods or set()) - answered_for(rule)
    }
    described = {
        (path, method)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert described == routes


def answered_for(rule: Any) -> set[str]:
    """Methods that the framework answers by itself."""
    by_itself = {"HEAD"} if "GET" in rule.methods else set()
    return by_itself | ({"OPTIONS"} if rule.provide_automatic_options else set())


def test_every_pointer_points_to_something(document: dict[str, Any]) -> None:
    for pointer in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        target: Any = document
        for part in pointer.split("/"):
            target = target[part]
        assert target
