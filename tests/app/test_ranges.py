"""Ranges of a file, as RFC 9110 has them."""

import io
from email import message_from_bytes
from email.policy import HTTP

import pytest
from flask import Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from app.ranges import parse_ranges, send_spans

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-99", [(0, 100)]),
        ("Bytes = 990-", [(990, 1000)]),
        ("bytes=-10", [(990, 1000)]),
        ("bytes=-2000", [(0, 1000)]),
        ("bytes=900-5000", [(900, 1000)]),
        ("bytes=0-9, 20-29", [(0, 10), (20, 30)]),
        ("bytes=20-29,0-9,5-12,,13-14", [(0, 15), (20, 30)]),
        ("bytes=0-9,2000-", [(0, 10)]),
    ],
)
def test_what_is_asked_for_is_sent(header: str, spans: list[tuple[int, int]]) -> None:
    assert parse_ranges(header, SIZE) == spans


@pytest.mark.parametrize(
    "header",
    ["items=0-9", "bytes", "bytes=", "bytes=9-0", "bytes=a-b", "bytes=-", "bytes=0-9,x", "bytes=1",
     "bytes=+1-5", "bytes=\u0661-5", "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(17))],
)  # fmt: skip
def test_what_is_no_range_is_ignored(header: str) -> None:
    assert parse_ranges(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000,2000-", "bytes=-0"])
def test_what_lies_beyond_the_end_is_refused(header: str) -> None:
    with pytest.raises(RequestedRangeNotSatisfiable):
        parse_ranges(header, SIZE)


def test_several_ranges_come_as_parts() -> None:
    content = bytes(n % 251 for n in range(SIZE))
    response = Response(mimetype="video/mp4")
    send_spans(response, io.BytesIO(content), [(0, 10), (500, 700)], SIZE)
    body = b"".join(response.response)
    assert (response.status_code, response.content_length) == (206, len(body))
    head = f"Content-Type: {response.content_type}\r\n\r\n".encode()
    parts = message_from_bytes(head + body, policy=HTTP.clone(cte_type="8bit")).get_payload()
    assert [part["Content-Range"] for part in parts] == ["bytes 0-9/1000", "bytes 500-699/1000"]
    assert [part.get_content_type() for part in parts] == ["video/mp4"] * 2
    assert content[500:700] in body
