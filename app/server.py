"""How gunicorn runs the application: `gunicorn --config python:app.server "app:create_app()"`."""

import resource
import threading
from typing import Any

from jobs import logs

worker_class = "gthread"
workers = 1
# As many as files may be received at a time (UPLOADS_AT_ONCE, 64 by default), and some for pages
# meanwhile: a thread that waits for a slow sender costs next to nothing.
threads = 80
timeout = 120
graceful_timeout = 5
control_socket_disable = True


def post_fork(_server: Any, _worker: Any) -> None:
    """Log as all other processes do; open as many files as this machine allows."""
    logs.configure("web")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def post_worker_init(worker: Any) -> None:
    """Start all threads now: in the rush that needs them each would hold up whoever comes in."""
    all_there = threading.Barrier(threads + 1)
    for _ in range(threads):
        worker.tpool.submit(all_there.wait)
    all_there.wait()
