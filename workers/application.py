"""The Celery application: `celery -A workers.application worker --queues engine`."""

import ctypes
import signal
import sys
from itertools import pairwise
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init
from kombu.transport.redis import Channel as RedisChannel

from jobs import logs
from jobs.database import Database
from jobs.queue import LIGHT, broker_url
from jobs.settings import from_environment

settings = from_environment()

# A worker gives no message back when it ends: it may be its broker that ended, and the rows know.
RedisChannel.do_restore = False

app = Celery("mouth", broker=broker_url(settings), include=["workers.tasks"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue=LIGHT,
    # A worker takes the next message when it is done with the last. The broker keeps no account of
    # messages that are worked on: the rows do, whose leases also outlive the broker. (Its account
    # would make a worker hang, or end, if the broker dies while a message is worked on.)
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    broker_transport_options={"ack_emulation": False},
    # A broker that restarts is no reason to drop work, nor to give up.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_enable_remote_control=False,
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
