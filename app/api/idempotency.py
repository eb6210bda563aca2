"""The header Idempotency-Key: a program may send a request again when no answer came."""

import hashlib

from flask import request

from app.identity import visitor
from jobs.records import IdempotencyKey
from media.errors import NamedError

MAX_KEY_LENGTH = 255


def idempotency_key(content: str) -> IdempotencyKey | None:
    """The key of this request, with a digest of it and its `content`; None without the header.

    Raises NamedError `bad-key`.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise NamedError(
            "bad-key",
            "The Idempotency-Key cannot be used.",
            f"Send 1 to {MAX_KEY_LENGTH} printable characters, such as a UUID.",
        )
    asked = f"{request.method} {request.full_path}\n{content}"
    return IdempotencyKey(
        owner=visitor(), key=key, digest=hashlib.sha256(asked.encode()).hexdigest()
    )
