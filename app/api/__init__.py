"""The JSON API: every address below /api/v1, as openapi.json describes them."""

from pathlib import Path

from flask import Blueprint, Response

api = Blueprint("api", __name__, url_prefix="/api/v1")
DOCUMENT = Path(__file__).with_name("openapi.json").read_bytes()


@api.get("/openapi.json")
def openapi() -> Response:
    return Response(DOCUMENT, mimetype="application/json")


from app.api import details, jobs, resumable_uploads, uploads  # noqa: E402, F401 - its routes
