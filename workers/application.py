"""The Celery application: `celery -A workers.application worker --queues engine`."""

import sys
from functools import lru_cache
from itertools import pairwise
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready
from kombu.transport.redis import Channel as RedisChannel

from jobs import logs
from jobs.database import Database
from jobs.queue import CONTROL, broker_url
from jobs.service import Jobs
from jobs.settings import for_process
from processes.supervisor import end_with_parent
from workers.heartbeat import Heartbeat

BEAT = "beat"  # the process that also runs the scheduler

settings = for_process()

# A worker gives no message back when it ends: it may be its broker that ended, and the rows know.
RedisChannel.do_restore = False

app = Celery("mouth", broker=broker_url(settings), include=["workers.dispatch"])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue=CONTROL,
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
)


@lru_cache(maxsize=1)
def open_jobs() -> Jobs:
    """The jobs, opened once in each process and shared by its tasks."""
    return Jobs(settings)


def process_name() -> str:
    """Which process of the Procfile this is: what comes before the @ in `--hostname`."""
    return next((b for a, b in pairwise(sys.argv) if a == "--hostname"), "worker").split("@")[0]


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    logs.configure(process_name())


@worker_init.connect
def _migrate_database(**_: Any) -> None:
    Database(settings.database).migrate()


@worker_process_init.connect
def _start_heartbeat(**_: Any) -> None:
    end_with_parent()
    Heartbeat(Database(settings.database), process_name(), settings.precision).start()


@worker_ready.connect
def _start_scheduler(**_: Any) -> None:
    """Start its threads in the one process that forks no others."""
    if process_name() == BEAT:
        from workers.downloader import Downloader
        from workers.scheduler import Scheduler
        from workers.webhook_sender import WebhookSender

        Scheduler(open_jobs()).start()
        WebhookSender(open_jobs()).start()
        Downloader(open_jobs().database).start()
