"""The API reference page: the endpoints of openapi.json with parameters, bodies and responses."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from app.api import DOCUMENT

METHODS = ("options", "get", "head", "post", "put", "patch", "delete")


@lru_cache(maxsize=1)
def api_reference() -> dict[str, Any]:
    """Title, description, operations and schemas of openapi.json, all pointers followed once."""
    document = json.loads(DOCUMENT)
    return {
        "info": _with_html(document["info"]),
        "base": document["servers"][0]["url"],
        "operations": list(_operations(document)),
        "errors": document["components"]["responses"]["Problem"]["x-errors"],
        "schemas": {
            name: json.dumps(schema, indent=1)
            for name, schema in document["components"]["schemas"].items()
        },
    }


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(document, path, method, item)
    for item in document["webhooks"].values():
        yield _operation(document, "your address", "post", item)


def _operation(
    document: dict[str, Any], path: str, method: str, item: dict[str, Any]
) -> dict[str, Any]:
    asked = item[method]
    contents = asked.get("requestBody", {}).get("content", {})
    return {
        "id": asked["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": _code_html(asked["summary"]),
        "description": _code_html(asked.get("description", "")),
        "parameters": [
            _with_html(_dereference(document, each))
            for each in item.get("parameters", []) + asked.get("parameters", [])
        ],
        "bodies": [each for kind in contents for each in _examples(document, kind, contents[kind])],
        "errors": asked.get("x-errors", []),
        "answers": [
            (status, _with_html(_dereference(document, answer)))
            for status, answer in asked["responses"].items()
        ],
    }


def _examples(
    document: dict[str, Any], kind: str, content: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """A body's kind, with the name of an example where there are several, and the example."""
    named = content.get("examples", {"": {"value": content.get("example")}})
    for name, example in named.items():
        value = _dereference(document, example)["value"]
        title = f"{kind}, {name}" if len(named) > 1 else kind
        yield title, value if isinstance(value, str) else json.dumps(value, indent=1)


def _dereference(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The thing itself where the document points to it; schemas inside stay pointers."""
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _with_html(thing: dict[str, Any]) -> dict[str, Any]:
    """The same with its description as HTML."""
    return thing | {"description": _code_html(thing.get("description", ""))}


def _code_html(text: str) -> Markup:
    """Text of the document as HTML: what stands between `backticks` is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704
