"""What the routes of the JSON API are registered with, and the document that describes them."""

from pathlib import Path

from flask import Blueprint, Response, request

api = Blueprint("api", __name__, url_prefix="/api/v1")
DOCUMENT = Path(__file__).with_name("openapi.json").read_bytes()


@api.get("/openapi.json")
def openapi() -> Response:
    """The document, with the address of the API as it is seen from outside."""
    address = f'"url": "{request.script_root}/api/v1"'.encode()
    return Response(DOCUMENT.replace(b'"url": "/api/v1"', address, 1), mimetype="application/json")
