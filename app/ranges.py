"""Ranges of a file (RFC 9110, 14): one is a part of it, several come as multipart/byteranges."""

import re
import secrets
from collections.abc import Iterator
from typing import IO

from flask import Request, Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable

CHUNK_BYTES = 1 << 16  # bytes read and sent at a time
MAX_RANGES = 16  # more of them, apart from each other, are not worth their trouble

_BYTES = re.compile(r"[ \t]*bytes[ \t]*=(.+)", re.IGNORECASE)
_SPAN = re.compile(r"(\d*)-(\d*)", re.ASCII)

Span = tuple[int, int]  # the first byte, and the one after the last


def requested_spans(request: Request, size: int, etag: str) -> list[Span] | None:
    """The parts of a file of `size` bytes that a request asks for; None for all of it.

    A range in another unit, or malformed, is as if it was not there, and so is one of a file that
    has changed since (If-Range). Raises RequestedRangeNotSatisfiable when all lie beyond the end.
    """
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{etag}"':
        return None
    return parse_ranges(header, size)


def parse_ranges(header: str, size: int) -> list[Span] | None:
    """As `requested_spans`, for a Range header alone; what overlaps or touches is one."""
    given = _BYTES.fullmatch(header)
    if given is None:
        return None
    wanted: list[Span] = []
    for each in filter(None, (part.strip(" \t") for part in given[1].split(","))):
        span = _SPAN.fullmatch(each)
        if span is None or each == "-":
            return None
        first, last = span.groups()
        if first and last and int(last) < int(first):
            return None
        start = int(first) if first else max(size - int(last), 0)
        stop = min(int(last) + 1, size) if first and last else size
        if start < stop:
            wanted.append((start, stop))
    if not wanted:
        raise RequestedRangeNotSatisfiable(length=size)
    merged = _merged(wanted)
    return merged if len(merged) <= MAX_RANGES else None


def send_spans(response: Response, file: IO[bytes], spans: list[Span], size: int) -> None:
    """Let a response for a whole file be one for these parts of it."""
    response.status_code = 206
    if len(spans) == 1:
        ((start, stop),) = spans
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response.content_length = stop - start
        response.response = _read(file, start, stop)
        return
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {response.content_type}\r\n"
        f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n\r\n".encode()
        for start, stop in spans
    ]
    end = f"\r\n--{boundary}--\r\n".encode()

    def body() -> Iterator[bytes]:
        for head, (start, stop) in zip(heads, spans, strict=True):
            yield head
            yield from _read(file, start, stop)
        yield end

    response.content_length = (
        sum(len(head) for head in heads) + sum(stop - start for start, stop in spans) + len(end)
    )
    response.content_type = f"multipart/byteranges; boundary={boundary}"
    response.response = body()


def _read(file: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    while start < stop and (block := file.read(min(CHUNK_BYTES, stop - start))):
        start += len(block)
        yield block


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
