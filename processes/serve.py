"""Start every process of the Procfile, keep them running, stop them together: `mouth serve`."""

import errno
import os
import re
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path

from jobs import logs
from media.errors import NamedError
from processes.supervisor import Supervisor

PROCFILE = Path(__file__).with_name("Procfile")
# Where the packages lie: there `python -m` finds them, whatever the folder of the caller holds.
PACKAGES = Path(__file__).resolve().parent.parent


def serve(
    host: str,
    port: int,
    environment: Mapping[str, str],
    names: Collection[str] = (),
    procfile: Path = PROCFILE,
) -> None:
    """Run the processes of those `names`, or all, until Ctrl-C or SIGTERM; one that ends is
    started again.

    Prints the page's address once it answers. `environment` is given to every process, with PORT,
    HOST and the interpreter's own folder first on the PATH. Raises NamedError `port-in-use`,
    `cannot-listen`, `unknown-process`, or `process-ended` when one cannot be kept running: all
    are ended then.
    """
    commands = _chosen(procfile, names)
    if "web" in commands:
        _check_free(host, port)
    environment = {
        **environment,
        "HOST": host,
        "PORT": str(port),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
    }
    logs.configure("serve")
    over = threading.Event()

    def started() -> None:
        if "web" in commands:
            place = (_reachable(host, port), over)
            threading.Thread(target=_announce, args=place, daemon=True).start()

    try:
        ended = Supervisor(commands, environment, PACKAGES).run(started)
    finally:
        over.set()
    if ended is not None:
        raise NamedError(
            "process-ended",
            f"The process {ended!r} does not stay alive, so all were stopped.",
            "Its last lines above say why; after that, start again. No job is lost.",
        )


def needed(embedded_redis: bool) -> list[str]:
    """The processes that one machine runs; Redis is among them unless there is one elsewhere."""
    return [name for name in processes(PROCFILE) if embedded_redis or name != "redis"]


def processes(procfile: Path) -> dict[str, str]:
    """The commands of a Procfile by the names of their processes."""
    return dict(re.findall(r"^(\w+):\s*(\S.*)$", procfile.read_text(), re.MULTILINE))


def _chosen(procfile: Path, names: Collection[str]) -> dict[str, str]:
    commands = processes(procfile)
    if unknown := set(names) - set(commands):
        raise NamedError(
            "unknown-process",
            f"There is no process called {', '.join(sorted(unknown))}.",
            f"Known are {', '.join(commands)}.",
        )
    return {name: command for name, command in commands.items() if not names or name in names}


def _announce(address: str, over: threading.Event) -> None:
    while not over.wait(0.2):
        if _answers(address):
            print(f"\n  Mouth Animation is ready: {address}   (Ctrl-C stops it)\n", flush=True)
            return


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own http address
            return True
    except (urllib.error.URLError, OSError):
        return False


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int, error: OSError) -> NamedError:
    other = port + 1 if 1024 <= port < 65535 else 8000
    if error.errno == errno.EADDRINUSE:
        return NamedError(
            "port-in-use",
            f"Another program listens at {host}, port {port}.",
            f"Choose another port, PORT={other} mouth serve (or make run), or stop that program: "
            f"`ss -ltnp sport = :{port}` names it.",
        )
    if error.errno == errno.EACCES:
        remedy = f"Ports below 1024 are the administrator's: take PORT={other} and a proxy."
    else:
        remedy = "Set HOST to an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them."
    return NamedError(
        "cannot-listen",
        f"The page cannot be served at {host}, port {port}: {error.strerror}.",
        remedy,
    )


def _reachable(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0') else host}:{port}"  # noqa: S104
