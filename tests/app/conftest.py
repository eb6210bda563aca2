"""A real application on a real database and real files; every answer is held to openapi.json."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from jobs.settings import Settings

DOCUMENT = json.loads(Path("app/api/openapi.json").read_text())
PREFIX = "/api/v1"


def operation(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of a request; None when it says nothing."""
    for template, item in DOCUMENT["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(PREFIX + pattern, path):
            return item.get(method.lower())
    return None


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """The thing itself where the document only points to it."""
    while "$ref" in value:
        found: Any = DOCUMENT
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def codes(described: dict[str, Any]) -> set[str]:
    """The errors that an operation names, and those that may be anywhere."""
    general = DOCUMENT["components"]["responses"]["Problem"]["x-errors"]
    return {*general, *described.get("x-errors", [])}


class TruthfulClient(FlaskClient):
    """A client that fails when an answer of the API is not what the document promises."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        response = super().open(*args, buffered=True, **options)
        response.request.environ["wsgi.input"].close()  # a file, when the body was large
        request = response.request
        described = operation(request.method, request.path)
        if request.path.startswith(PREFIX) and described is not None:
            self._check(response, described)
        return response

    def _check(self, response: TestResponse, described: dict[str, Any]) -> None:
        answers = described["responses"]
        status = str(response.status_code)
        if status not in answers:
            assert response.status_code >= 400, f"{status} is not in the document"
        contents = resolved(answers.get(status) or answers["default"]).get("content", {})
        if not contents:
            assert response.data == b""
            return
        if response.mimetype == "application/problem+json":
            assert response.get_json()["code"] in codes(described), response.get_json()
        assert response.mimetype in contents
        if schema := contents[response.mimetype].get("schema"):
            whole = {**schema, "components": DOCUMENT["components"]}
            jsonschema_rs.Draft202012Validator(whole).validate(response.get_json())


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Flask]:
    """Makes the application with these settings; all of a test share their folder."""

    def site(**settings: Any) -> Flask:
        app = create_app(Settings(var_dir=tmp_path / "var", broker_url="memory://", **settings))
        app.test_client_class = TruthfulClient
        app.testing = True
        return app

    return site


@pytest.fixture
def app(site: Callable[..., Flask]) -> Flask:
    return site(max_upload_bytes=2_000_000)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Another browser."""
    return app.test_client()
