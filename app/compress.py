"""Static files compressed with gzip.

Only files that are the same for everybody. A page holds a secret (`form_token`) beside what its
visitor wrote, and the length of the two packed together would tell of the secret (BREACH).
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

MIME_TYPES = {"text/css", "text/javascript", "image/svg+xml"}


def init_app(app: Flask) -> None:
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint != "static" or response.mimetype not in MIME_TYPES:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False  # it is read here, and not by the server
    response.set_data(_gzip(response.get_data()))
    response.content_encoding = "gzip"
    response.set_etag(f"{response.get_etag()[0]}-gzip")
    response.make_conditional(request)
    return response


@lru_cache(maxsize=64)
def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
