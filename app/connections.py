"""The web server's connections: no thread waits for a client that is slow.

Each thread of gunicorn reads a request from its first byte, so eighty clients that stop in the
middle of one stop the server. Here the main loop gathers requests, and a thread is given one that
is complete. Only files, which are too large for that, are received by a thread as they come; they,
and files on their way out, have threads of their own, so that pages never wait for them.

Who sends or takes less than MIN_RATE loses the connection.
"""

import re
import selectors
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from socket import SHUT_WR
from typing import Any

from gunicorn import util
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from jobs import logs
from jobs.settings import Settings, from_environment

GRACE = 20.0  # seconds that a client may take, however little comes
MIN_RATE = 1000.0  # bytes for which it may take a second more
SEND_SECONDS = 60.0  # seconds in which a client must take a block, of 64 kB at most
LINGER = 2.0  # seconds in which a client can read the answer before its connection is cut
HEAD_BYTES = 1 << 16
WHOLE_BYTES = (1 << 20) + HEAD_BYTES  # larger requests are not gathered but received by a thread
GATHERED_BYTES = 1 << 27  # what all requests that are gathered may take
RECV_BYTES = 1 << 16
ROOM = 100  # connections that are kept free for the next clients
REFUSALS = 32  # threads of files beyond those that are at work: they say that there are too many

HEALTH = re.compile(rb"\S+ [^ ?]*/healthz[ ?]")
FILE = re.compile(
    rb"GET [^ ?]*/(?:jobs/[0-9a-f]+/(?:result|source|beginning|voices/\d+)|shared/[\w-]+/video)[ ?]"
)
READING = re.compile(rb"(?:GET|HEAD|OPTIONS) ")

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class SlowClient(TimeoutError):
    """The client sends less than MIN_RATE."""


@dataclass
class Arrival:
    """A request that is being gathered."""

    data: bytearray
    begun: float = field(default_factory=time.monotonic)
    registered: bool = False
    continued: bool = False
    scanned: int = 0  # where the next chunk of the body begins

    @property
    def deadline(self) -> float:
        return self.begun + GRACE + len(self.data) / MIN_RATE

    def head(self) -> bytes | None:
        """The head with the empty line at its end, once it is there."""
        end = self.data.find(b"\r\n\r\n", 0, HEAD_BYTES)
        return None if end < 0 else bytes(self.data[: end + 4])

    def is_gathered(self) -> bool:
        """Whether a thread can go on: with a whole request, or one that is not to be gathered."""
        head = self.head()
        if head is None:
            return len(self.data) >= HEAD_BYTES
        if head.startswith(b"PATCH "):
            return True  # what came of a piece of a file is kept if the connection breaks
        if _CHUNKED.search(head):
            return len(self.data) > WHOLE_BYTES or self._has_last_chunk(len(head))
        length = _LENGTH.search(head)
        whole = len(head) + (int(length[1]) if length else 0)
        return whole > WHOLE_BYTES or len(self.data) >= whole

    def wants_continue(self) -> bool:
        head = self.head()
        return head is not None and not self.continued and bool(_CONTINUE.search(head))

    def _has_last_chunk(self, start: int) -> bool:
        """Whether the body in chunks (RFC 9112, 7.1) is complete, or is no such body."""
        position = max(self.scanned, start)
        while (end := self.data.find(b"\r\n", position, position + 1024)) >= 0:
            try:
                size = int(self.data[position:end].split(b";")[0], 16)
            except ValueError:
                return True
            if size == 0:
                return self.data.find(b"\r\n\r\n", end) >= 0
            self.scanned = position = end + 2 + size + 2
        return len(self.data) > position + 1024


class PacedUnreader(SocketUnreader):
    """Reads the rest of a large body. Raises SlowClient when the client takes too much time."""

    def begin(self) -> None:
        self.received, self.waited = 0, 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        before = self.sock.gettimeout()
        left = max(GRACE + self.received / MIN_RATE - self.waited, 0.001)
        asked = time.monotonic()
        self.sock.settimeout(left if before is None else min(left, before))
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise SlowClient from None
        finally:
            self.waited += time.monotonic() - asked
            self.sock.settimeout(before)
        self.received += len(data)
        return data


class Worker(ThreadWorker):
    """gunicorn's worker of threads, which is given whole requests."""

    def init_process(self) -> None:
        self.file_pool = ThreadPoolExecutor(file_threads(from_environment()), "file")
        self.health_pool = ThreadPoolExecutor(1, "health")
        self.arriving: dict[TConn, Arrival] = {}  # the oldest first
        self.gathered = 0  # bytes of all of them
        self.lingering: dict[Any, float] = {}  # sockets, and when they are closed
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Callable[..., Iterable[bytes]] = _announce_close(self.wsgi)

    def accept(self, listener: Any) -> None:
        super().accept(listener)
        if self.nr_conns > self.worker_connections - ROOM:
            self._drop_one()

    def enqueue_req(self, conn: TConn) -> None:
        """Gather a request; gunicorn calls this when a connection is new or has more to read."""
        if not conn.initialized:
            conn.init()
            conn.data_ready = True
            conn.parser.unreader = PacedUnreader(conn.sock)
            conn.close = partial(self._close, conn)
        arrival = self.arriving[conn] = Arrival(bytearray(conn.parser.unreader.take_buffered()))
        self.gathered += len(arrival.data)
        conn.sock.setblocking(False)
        if arrival.data and arrival.is_gathered():
            self._hand_over(conn)
        else:
            self._receive(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        conn.sock.settimeout(SEND_SECONDS)
        try:
            return bool(super().handle_request(req, conn))
        except TimeoutError:
            logs.log("slow-client", method=req.method)
            return False

    def murder_pending(self) -> None:
        """Drop what takes too long; gunicorn calls this every second."""
        super().murder_pending()
        now = time.monotonic()
        for conn, arrival in list(self.arriving.items()):
            if now > arrival.deadline:
                self._drop(conn, "408 Request Timeout" if arrival.data else "")
            elif not self.alive and not arrival.data:
                self._drop(conn)
        for sock, deadline in list(self.lingering.items()):
            if now > deadline:
                self._end_linger(sock)

    def _receive(self, conn: TConn, _sock: Any = None) -> None:
        arrival = self.arriving[conn]
        try:
            while part := conn.sock.recv(RECV_BYTES):
                arrival.data += part
                self.gathered += len(part)
                if arrival.is_gathered():
                    self._hand_over(conn)
                    return
        except BlockingIOError:
            if not arrival.registered:
                arrival.registered = True
                self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
            if arrival.wants_continue():
                arrival.continued = True
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            while self.gathered > GATHERED_BYTES:
                self._drop_one()
        except OSError:
            self._drop(conn)
        else:  # the client has gone
            self._drop(conn)

    def _hand_over(self, conn: TConn) -> None:
        """Let a thread answer, of those that there are for such a request."""
        if self.arriving[conn].head() is None:
            self._drop(conn, "431 Request Header Fields Too Large")
            return
        arrival = self._forget(conn)
        conn.parser.unreader.unread(bytes(arrival.data))
        conn.parser.unreader.begin()
        future = self._pool(arrival.data).submit(self.handle, conn)
        future.add_done_callback(partial(self._finished, conn))

    def _pool(self, data: bytearray) -> ThreadPoolExecutor:
        if HEALTH.match(data):
            return self.health_pool
        if FILE.match(data) or not READING.match(data):
            return self.file_pool
        pages: ThreadPoolExecutor = self.tpool
        return pages

    def _finished(self, conn: TConn, future: "Future[Any]") -> None:
        self.method_queue.defer(self.finish_request, conn, future)

    def _drop_one(self) -> None:
        """Give up the oldest unfinished request of the client that has most of them."""
        counts = Counter(_address(conn) for conn in self.arriving)
        if counts:
            ((most, _),) = counts.most_common(1)
            self._drop(next(conn for conn in self.arriving if _address(conn) == most))

    def _drop(self, conn: TConn, status: str = "") -> None:
        self._forget(conn)
        self.nr_conns -= 1
        if status:
            with suppress(OSError):
                conn.sock.send(
                    f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
                )
        self._close(conn, graceful=bool(status))

    def _forget(self, conn: TConn) -> Arrival:
        arrival = self.arriving.pop(conn)
        self.gathered -= len(arrival.data)
        if arrival.registered:
            arrival.registered = False
            self.poller.unregister(conn.sock)
        return arrival

    def _close(self, conn: TConn, graceful: bool = False) -> None:
        """As TConn.close, which holds up the main loop until the client has read its answer."""
        try:
            conn.sock.setblocking(False)
            if not graceful:
                raise OSError
            conn.sock.shutdown(SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, self._discard)
        except OSError:
            util.close(conn.sock)
        else:
            self.lingering[conn.sock] = time.monotonic() + LINGER

    def _discard(self, sock: Any) -> None:
        try:
            if sock.recv(RECV_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # closed all the same
        self._end_linger(sock)

    def _end_linger(self, sock: Any) -> None:
        del self.lingering[sock]
        self.poller.unregister(sock)
        util.close(sock)


def file_threads(settings: Settings) -> int:
    """Threads for requests that change something, and for files on their way in and out.

    `app.transfer_shares` lets fewer files be on their way, so that some are always free.
    """
    unlimited = 256
    return (
        (settings.uploads_at_once or unlimited)
        + (settings.downloads_at_once or unlimited)
        + REFUSALS
    )


def _address(conn: TConn) -> str:
    return str(conn.client[0] if isinstance(conn.client, tuple) else conn.client)


def _announce_close(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Let an answer to a request whose body is not read say that the connection ends with it."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            if _is_unread(environ["wsgi.input"].reader):
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return app(environ, start)

    return call


def _is_unread(reader: Any) -> bool:
    """Whether some of a body is still to come."""
    if isinstance(reader, LengthReader):
        return bool(reader.length > reader.unreader.buf.getbuffer().nbytes)
    return isinstance(reader, ChunkedReader) and reader.parser is not None
