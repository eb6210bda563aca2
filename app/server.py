"""How gunicorn runs the application: `gunicorn --config python:app.server "app:create_app()"`."""

from typing import Any

from jobs import logs

worker_class = "gthread"
workers = 1
threads = 16
timeout = 120
graceful_timeout = 5
control_socket_disable = True


def post_fork(_server: Any, _worker: Any) -> None:
    """Log as all other processes do."""
    logs.configure("web")
