"""What this installation works with, found out without loading any of it."""

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from kombu.exceptions import OperationalError as BrokerError

import checkpoints
from jobs import downloads, health
from jobs.queue import CONTROL, ENGINE, LIGHT
from jobs.service import Jobs
from jobs.settings import Settings


@dataclass(frozen=True)
class System:
    """The face detector and the lip-sync checkpoint used when a job names none."""

    detector: str
    checkpoint: str


def system(settings: Settings) -> System:
    automatic = "s3fd" if checkpoints.get("s3fd").present else "centerface"
    return System(settings.detector or automatic, settings.checkpoint)


def generators() -> list[checkpoints.Checkpoint]:
    """The checkpoints that can move a mouth; those not on this machine are not `present`."""
    return [each for each in checkpoints.all() if each.architecture in checkpoints.GENERATORS]


def versions() -> dict[str, str]:
    """The versions of this program and of what does its work."""
    names = ("mouth-animation", "torch", "av", "opencv-python-headless", "dlib-bin", "celery")
    return {name: version(name) for name in names}


def overview(jobs: Jobs) -> dict[str, Any]:
    """What a page about the installation tells: who works, what waits, what is here."""
    with jobs.database.read() as session:
        workers = [
            each for part in (LIGHT, ENGINE, "beat") for each in health.live_workers(session, part)
        ]
    usage = shutil.disk_usage(jobs.settings.var_dir)
    try:
        waiting = {name: jobs.queue.length(name) for name in (CONTROL, LIGHT, ENGINE)}
    except BrokerError:
        waiting = {}
    weights = downloads.by_name(jobs.database)
    fetching = [name for name, each in weights.items() if each.state in downloads.OPEN]
    return {
        "readiness": health.readiness(jobs),
        "workers": workers,
        "waiting": waiting,
        "disk": {"free": usage.free, "total": usage.total},
        "checkpoints": checkpoints.all(),
        "downloads": weights,
        "fetching": f"Fetching {', '.join(fetching)}." if fetching else "",
        "versions": versions(),
    }
