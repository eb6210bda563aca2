"""Readiness of the service, and its metrics in the format of Prometheus."""

import shutil
import time
from collections.abc import Iterator

import sqlalchemy as sa
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import OperationalError as DatabaseError
from sqlalchemy.orm import Session

from jobs import disk_space, metrics
from jobs.queue import CONTROL, ENGINE, LIGHT
from jobs.records import Job, Segment, Worker
from jobs.service import Jobs
from media.errors import NamedError

WORKER_TIMEOUT = 30.0  # seconds after which a worker counts as gone; its heartbeat comes every 5


def readiness(jobs: Jobs) -> dict[str, str]:
    """What a job needs, each with "ok" or what is wrong with it."""
    return {
        "database": _database(jobs),
        "broker": _broker(jobs),
        "disk": _disk(jobs),
        "workers": _workers(jobs),
    }


def live_workers(session: Session, part: str) -> list[Worker]:
    """The workers of a process of the Procfile whose heartbeat came within WORKER_TIMEOUT."""
    since = time.time() - WORKER_TIMEOUT
    return list(session.scalars(sa.select(Worker).where(Worker.part == part, Worker.seen > since)))


def exposition(jobs: Jobs) -> str:
    """All numbers in Prometheus' text format 0.0.4."""
    return "\n".join([*_gauges(jobs), *_queues(jobs), *_counters(jobs), ""])


def _gauges(jobs: Jobs) -> Iterator[str]:
    with jobs.database.read() as session:
        states = session.execute(sa.select(Job.state, sa.func.count()).group_by(Job.state)).all()
        open_segments = session.execute(
            sa.select(Segment.step, Segment.state, sa.func.count())
            .where(Segment.state != "done")
            .group_by(Segment.step, Segment.state)
        ).all()
        workers = [each for part in (LIGHT, ENGINE, "beat") for each in live_workers(session, part)]
        stored = disk_space.stored_bytes(session)
    gauge = metrics.metric_lines
    yield from gauge("jobs", "gauge", "Jobs that are here.", "state", [(s, n) for s, n in states])
    for state in ("waiting", "sent", "running"):
        shown = [(step, n) for step, at, n in open_segments if at == state]
        yield from gauge(f"segments_{state}", "gauge", f"Segments that are {state}.", "step", shown)
    memory = [(each.name, each.memory) for each in workers]
    yield from gauge("worker_memory_bytes", "gauge", "Memory of a worker.", "worker", memory)
    usage = shutil.disk_usage(jobs.settings.var_dir)
    for name, what, value in (
        ("disk_free_bytes", "Free on the disk of VAR_DIR.", usage.free),
        ("disk_total_bytes", "Size of the disk of VAR_DIR.", usage.total),
        ("stored_bytes", "What the media files take.", stored),
    ):
        yield from gauge(name, "gauge", what, "", [("", value)])


def _queues(jobs: Jobs) -> Iterator[str]:
    try:
        lengths = [(name, float(jobs.queue.length(name))) for name in (CONTROL, LIGHT, ENGINE)]
    except BrokerError:
        lengths = []
    up = [("", float(bool(lengths)))]
    yield from metrics.metric_lines("broker_up", "gauge", "Whether the broker answers.", "", up)
    what = "Messages that wait."
    yield from metrics.metric_lines("queue_length", "gauge", what, "queue", lengths)


def _counters(jobs: Jobs) -> Iterator[str]:
    with jobs.database.read() as session:
        yield from metrics.counter_lines(session)


def _database(jobs: Jobs) -> str:
    try:
        with jobs.database.read() as session:
            session.scalar(sa.select(sa.func.count()).select_from(Worker))
    except DatabaseError:
        return "does not answer"
    return "ok"


def _broker(jobs: Jobs) -> str:
    try:
        jobs.queue.length(ENGINE)
    except BrokerError:
        return "does not answer"
    return "ok"


def _disk(jobs: Jobs) -> str:
    try:
        disk_space.require_for_work(jobs.settings)
    except NamedError as error:
        return error.code
    except OSError as error:
        return str(error.strerror)
    return "ok"


def _workers(jobs: Jobs) -> str:
    try:
        with jobs.database.read() as session:
            missing = [part for part in (LIGHT, ENGINE) if not live_workers(session, part)]
    except DatabaseError:
        return "unknown"
    return f"not heard of: {', '.join(missing)}" if missing else "ok"
