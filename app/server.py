"""How gunicorn runs the application: `gunicorn --config python:app.server "app:create_app()"`."""

import resource
import socket
import threading
from typing import Any

from app import connections
from jobs import logs, settings

worker_class = "app.connections.Worker"
workers = 1
threads = 32  # for pages; files have others (`app.connections.file_threads`)
timeout = 120
graceful_timeout = 5
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """End with EX_CONFIG where settings are wrong: a worker that ends is started again."""
    settings.for_process()


def when_ready(server: Any) -> None:
    """Notice within two minutes that a client has gone without a word, as phones do.

    Connections that are accepted inherit it; without it, each would keep a thread for ever.
    """
    for listener in server.LISTENERS:
        if listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)


def post_fork(_server: Any, _worker: Any) -> None:
    """Log as all other processes do; open as many files as this machine allows."""
    logs.configure("web")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def post_worker_init(worker: Any) -> None:
    """Start all threads now: in the rush that needs them each would hold up whoever comes in."""
    files = connections.file_threads(settings.from_environment())
    for pool, count in ((worker.tpool, threads), (worker.file_pool, files)):
        all_there = threading.Barrier(count + 1)
        for _ in range(count):
            pool.submit(all_there.wait)
        all_there.wait()
