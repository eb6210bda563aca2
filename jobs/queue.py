"""The way to the workers: a message with a task's name and an identifier, nothing more."""

import hashlib
import tempfile
from pathlib import Path
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import OperationalError

from jobs import logs
from jobs.settings import Settings
from media.errors import NamedError

CONTROL = "control"  # reads rows and enqueues steps; never waits behind a step
LIGHT = "light"
ENGINE = "engine"

# sockaddr_un holds 108 bytes with the closing zero.
MAX_SOCKET_PATH = 107

# Who sends does not wait for a broker that is away: the sweeper sends again.
SEND_OPTIONS = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
}


class Queue:
    """A sender of messages that knows no task's code."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Celery(broker=broker_url(settings), set_as_current=False)
        self._producer.conf.broker_transport_options = SEND_OPTIONS

    def enqueue(
        self, task: str, *arguments: str, queue: str = CONTROL, seconds: float | None = None
    ) -> bool:
        """Send a message; `seconds` is what the task may take before it is stopped.

        False if the broker is away: nothing is lost then, because the rows tell what is to be done.
        """
        try:
            self._producer.send_task(
                task,
                args=arguments,
                queue=queue,
                soft_time_limit=seconds,
                time_limit=None if seconds is None else seconds + 30,
                retry=False,
                ignore_result=True,
            )
        except OperationalError as error:
            logs.log("broker-away", task=task, queue=queue, error=error)
            return False
        return True

    def length(self, queue: str) -> int:
        """How many messages wait in a queue. Raises kombu's OperationalError without a broker."""
        with self._producer.connection_for_read() as connection:
            try:
                return int(connection.default_channel.queue_declare(queue).message_count)
            except connection.connection_errors as error:
                raise OperationalError(str(error)) from error


def broker_url(settings: Settings) -> str:
    """Where the broker listens: BROKER_URL, or the socket of the embedded Redis."""
    return settings.broker_url or f"redis+socket://{quote(str(socket_path(settings)))}"


def socket_path(settings: Settings) -> Path:
    """The socket of the embedded Redis, by a path that is short enough for the kernel.

    Raises NamedError `socket-in-use` if somebody else sits where our link must be.
    """
    folder = settings.var_dir.resolve() / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)  # who can connect is the master of all jobs
    path = folder / "redis.sock"
    if len(bytes(path)) <= MAX_SOCKET_PATH:
        return path
    return _short_link(folder) / path.name


def _short_link(folder: Path) -> Path:
    digest = hashlib.sha256(bytes(folder)).hexdigest()[:16]
    link = Path(tempfile.gettempdir()) / f"mouth-{digest}"
    try:
        link.symlink_to(folder)
    except FileExistsError:
        # The folder for temporary files is everybody's: only a link to our own folder is trusted.
        if not link.is_symlink() or link.readlink() != folder:
            raise NamedError(
                "socket-in-use",
                f"{link} is not the link that this program made.",
                "Remove it, or set VAR_DIR to a folder with a shorter path.",
            ) from None
    return link
