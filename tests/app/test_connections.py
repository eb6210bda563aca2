"""A real web server, and clients that are slow or greedy: the others do not notice."""

import http.client
import json
import re
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace

import pytest

from app.connections import HEAD_BYTES, WHOLE_BYTES, Arrival, Worker

from .web_server import Server

UPLOAD = (
    b"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
)
HALF = [
    b"",
    b"GET / HTTP/1.1\r\nHost: local",
    b'POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
    b'Content-Length: 1000\r\n\r\n{"source": ',
    b'POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
]  # fmt: skip
SMALL = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    servers: dict[str, Server] = {}

    def start(config: str) -> Server:
        if config not in servers:
            folder = tmp_path_factory.mktemp("server")
            servers[config] = Server(folder, config, TRANSFERS_PER_CLIENT="3")
        return servers[config]

    yield start
    for server in servers.values():
        server.stop()


@pytest.fixture
def server(start: Callable[[str], Server]) -> Server:
    return start("app.server")


@pytest.fixture
def impatient(start: Callable[[str], Server]) -> Server:
    return start("tests.app.impatient")


def head_of(line: socket.socket) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body of the answer; the body as long as it says it is."""
    answer = http.client.HTTPResponse(line)
    answer.begin()
    return answer.status, answer.headers, answer.read()


def test_half_sent_requests_stop_nobody(server: Server) -> None:
    with ExitStack() as lines:
        for number in range(160):
            lines.enter_context(server.connect(HALF[number % len(HALF)]))
        for path in ("/healthz", "/", "/api/v1/jobs", "/static/style.css"):
            status, seconds = server.get(path)
            assert status == 200
            assert seconds < 10, path


def test_endless_uploads_take_no_more_than_their_share(server: Server) -> None:
    with ExitStack() as lines:
        uploads = [lines.enter_context(server.connect(UPLOAD)) for _ in range(4)]
        (refused, *others), _, _ = select.select(uploads, [], [], 15)  # whichever was received last
        assert others == []
        status, headers, body = head_of(refused)
        assert (status, json.loads(body)["code"]) == (503, "busy")
        assert (headers["Retry-After"], headers["Connection"]) == ("5", "close")
        assert server.get("/")[0] == 200
        # Another client still has all of its own.
        other = lines.enter_context(server.connect(UPLOAD, source="127.0.0.2"))
        other.settimeout(0.5)
        with pytest.raises(TimeoutError):
            other.recv(1)


def test_a_body_that_is_not_read_ends_the_connection(server: Server) -> None:
    for sent, code, close in (
        (UPLOAD.replace(b"uploads", b"jobs"), "json-expected", True),
        (UPLOAD.replace(b"uploads HTTP", b"nothing HTTP"), "not-found", True),
        (SMALL, "json-expected", False),
    ):  # fmt: skip
        with server.connect(sent) as line:
            _, headers, body = head_of(line)
            assert json.loads(body)["code"] == code
            assert headers["Connection"] == ("close" if close else "keep-alive")
            if not close:
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert head_of(line)[0] == 200


def test_who_sends_too_little_loses_the_connection(impatient: Server) -> None:
    with impatient.connect(HALF[1]) as line:
        assert head_of(line)[0] == 408
    with impatient.connect() as line:
        assert line.recv(1) == b""
    with impatient.connect(UPLOAD) as line:
        status, headers, body = head_of(line)
        assert (status, json.loads(body)["code"]) == (408, "too-slow")
        assert headers["Connection"] == "close"


def test_who_takes_too_little_loses_the_connection(impatient: Server) -> None:
    request = b"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    count = HEAD_BYTES // len(request)  # answers of 30 MB together, which no buffer holds
    with impatient.connect(request * count) as line:
        impatient.wait_for_log("slow-client")
        taken = bytearray()
        with suppress(ConnectionResetError):
            while part := line.recv(1 << 20):
                taken += part
        assert taken.count(b"HTTP/1.1 200 OK") < count


@pytest.mark.parametrize(
    ("line", "pool"),
    [
        (b"GET /healthz HTTP/1.1", "health"),
        (b"GET /mouth/healthz?a HTTP/1.1", "health"),
        (b"GET /healthzy HTTP/1.1", "page"),
        (b"GET /jobs/0a/result HTTP/1.1", "file"),
        (b"GET /api/v1/jobs/0a/voices/1 HTTP/1.1", "file"),
        (b"GET /api/v1/jobs/0a HTTP/1.1", "page"),
        (b"GET /shared/a_-/video?download=1 HTTP/1.1", "file"),
        (b"POST /api/v1/uploads HTTP/1.1", "file"),
    ],
)
def test_health_pages_and_files_have_threads_of_their_own(line: bytes, pool: str) -> None:
    pools = SimpleNamespace(health_pool="health", file_pool="file", tpool="page")
    assert Worker._pool(pools, bytearray(line)) == pool  # type: ignore[arg-type, comparison-overlap]


def test_a_large_head_is_refused_before_a_thread_reads_it(server: Server) -> None:
    with server.connect(b"GET / HTTP/1.1\r\nX: " + b"y" * HEAD_BYTES) as line:
        assert head_of(line)[0] == 431


def test_requests_follow_each_other_on_a_connection(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with server.connect(request * 3) as line:
        answers = b""
        while len(re.findall(rb'"status":\s*"ok"', answers)) < 3:
            part = line.recv(1 << 16)
            assert part
            answers += part


@pytest.mark.parametrize(
    ("data", "gathered"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", False),
        (b"PATCH / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc", True),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % WHOLE_BYTES, True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzebra\r\n", True),
    ],
)
def test_a_request_is_gathered_when_nothing_more_is_to_come(data: bytes, gathered: bool) -> None:
    assert Arrival(bytearray(data)).is_gathered() == gathered
