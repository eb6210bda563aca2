"""The Celery application: `celery -A workers.application worker --queues engine`."""

import ctypes
import signal
import sys
from itertools import pairwise
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init

from jobs import logs
from jobs.database import Database
from jobs.queue import LIGHT, broker_url
from jobs.settings import from_environment

settings = from_environment()

app = Celery("mouth", broker=broker_url(settings), include=["workers.tasks"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue=LIGHT,
    # A message is gone only when its work is; what was killed is delivered again. That is only
    # for speed: the rows tell what is to be done even if no message survives.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": 6 * 3600},
    # A broker that restarts is no reason to drop work, nor to give up.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # The remote control's subscription is listened to at all times: without it a worker that is
    # busy with as much as it may fetch would not notice, ever, that its broker went away.
    worker_enable_remote_control=True,
    worker_hijack_root_logger=False,
    beat_scheduler="celery.beat:Scheduler",  # keeps no file: sweeping needs no memory
    beat_schedule={
        "sweep": {
            "task": "workers.sweep",
            "schedule": settings.sweep_seconds,
            # Sweeps must not pile up while no worker is there.
            "options": {"expires": settings.sweep_seconds},
        }
    },
)

_PR_SET_PDEATHSIG = 1  # prctl(2)


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    words = sys.argv
    queue = next((b for a, b in pairwise(words) if a == "--queues"), "beat")
    logs.configure(queue)


@worker_init.connect
def _bring_the_tables(**_: Any) -> None:
    Database(settings.database).migrate()


@worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """A child must not go on alone, holding the device, when its worker was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
