"""The JSON API: every address below /api/v1, as openapi.json describes them."""

from app.api import details, jobs, resumable_uploads, uploads  # noqa: F401 - their routes
from app.api.blueprint import DOCUMENT, api

__all__ = ["DOCUMENT", "api"]
