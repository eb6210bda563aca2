"""One POST to a server of unknown behaviour: it may be slow, endless, or not what it says."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from jobs.webhook_url import Destination, resolve, unreachable
from media.errors import NamedError

SILENCE = 5.0  # seconds without a byte
ALL = 10.0  # seconds for the whole, however steadily bytes drip


def post(destination: Destination, body: bytes, headers: Mapping[str, str]) -> int:
    """Send `body`, and give the status of the answer; the rest of the answer is not even read.

    The address that was looked at is the one that is connected to, no redirect is followed, and no
    proxy asked. Raises NamedError `webhook-not-allowed`, `webhook-unreachable`.
    """
    connection = _connection(destination, resolve(destination))
    late = threading.Event()
    try:
        connection.connect()
        watch = threading.Timer(ALL, _cut, (connection.sock, late))
        watch.daemon = True
        watch.start()
        try:
            connection.request(
                "POST",
                destination.target,
                body=body,
                headers={"Host": destination.authority, **headers},
                preload_content=False,
            )
            status = int(connection.getresponse().status)
        finally:
            watch.cancel()
        if late.is_set():  # headers that are cut off look as if they had ended
            raise TimeoutError
        return status
    except (OSError, HTTPError, http.client.HTTPException) as error:
        raise _named(error, late.is_set()) from error
    finally:
        connection.close()


def _connection(destination: Destination, address: str) -> HTTPConnection:
    if destination.scheme == "http":
        return HTTPConnection(address, destination.port, timeout=SILENCE)
    return HTTPSConnection(
        address,
        destination.port,
        timeout=SILENCE,
        ssl_context=_trust(),
        server_hostname=destination.host,
    )


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The authorities of certifi, and those of this machine: its operator may have some."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


def _cut(connected: socket.socket, late: threading.Event) -> None:
    """Whoever waits for this socket waits no longer; past TLS, which would wait for a goodbye."""
    late.set()
    with suppress(OSError):  # it has just ended by itself
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _named(error: Exception, late: bool) -> NamedError:
    causes = (error, error.__cause__, error.__context__)
    if late or any(isinstance(each, TimeoutError) for each in causes):
        return unreachable(f"No answer came within {ALL:g} seconds")
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return unreachable("No secure connection could be made: is its certificate right?")
    return unreachable("No connection could be made")
