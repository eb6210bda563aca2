"""Logs that a person and a program can read: one line an event, name=value, the job on each."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

_logger = logging.getLogger("mouth")

# Their tracebacks, of connections that end, tell nothing more than their messages.
_LOUD = ("celery.worker", "celery.concurrency", "celery.pool", "kombu", "sqlalchemy.pool")


def log(event: str, job: str | None = None, level: int = logging.INFO, **facts: Any) -> None:
    """Tell that something happened; no facts about persons, no names of their files."""
    _logger.log(level, "%s", _line(event, job, facts))


def failure(event: str, job: str | None = None, **facts: Any) -> None:
    """Tell, within an `except`, of something that should not have happened, and where."""
    _logger.exception("%s", _line(event, job, facts))


def configure(process: str) -> None:
    """Send everything to standard output; `process` is the name in front of each line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_OneLine(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("celery", "alembic"):  # what they do, our own lines tell
        logging.getLogger(name).setLevel(logging.WARNING)


class _OneLine(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        text = f"{moment} {record.levelname.lower()} {self.process} {record.getMessage()}"
        if record.exc_info and not record.name.startswith(_LOUD):
            text += f" traceback={json.dumps(self.formatException(record.exc_info))}"
        return text.replace("\n", " ")


def _line(event: str, job: str | None, facts: dict[str, Any]) -> str:
    shown = {"job": job, **facts} if job else facts
    return " ".join([event, *(f"{name}={_plain(value)}" for name, value in shown.items())])


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    text = str(value)
    return json.dumps(text) if not text or set(text) & set(' ="\n') else text
