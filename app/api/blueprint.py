"""What the routes of the JSON API are registered with, and the document that describes them."""

from pathlib import Path

from flask import Blueprint, Response

api = Blueprint("api", __name__, url_prefix="/api/v1")
DOCUMENT = Path(__file__).with_name("openapi.json").read_bytes()


@api.get("/openapi.json")
def openapi() -> Response:
    return Response(DOCUMENT, mimetype="application/json")
