"""Requests that a program sends again because it heard no answer: Idempotency-Key."""

import hashlib

from flask import request

from app.identity import visitor
from jobs.records import Receipt
from media.errors import NamedError

LONGEST_KEY = 255


def receipt(content: str) -> Receipt | None:
    """What tells this request, with this content, from others; None when it carries no key.

    Raises NamedError `bad-key`.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise NamedError(
            "bad-key",
            "The Idempotency-Key cannot be used.",
            f"Send 1 to {LONGEST_KEY} printable characters, such as a UUID.",
        )
    asked = f"{request.method} {request.full_path}\n{content}"
    return Receipt(owner=visitor(), key=key, digest=hashlib.sha256(asked.encode()).hexdigest())
