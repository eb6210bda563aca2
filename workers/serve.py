"""Start every process of the Procfile and stop them together: what `mouth serve` does."""

import ctypes
import os
import signal
import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.process import Popen, Process

from media.errors import NamedError

PROCFILE = Path(__file__).resolve().parent.parent / "Procfile"
_PR_SET_PDEATHSIG = 1  # prctl(2)


def serve(
    host: str,
    port: int,
    environment: Mapping[str, str],
    names: Collection[str] = (),
    procfile: Path = PROCFILE,
) -> None:
    """Run the processes of those `names`, or all, until Ctrl-C or SIGTERM.

    Prints the page's address once it answers. `environment` is given to every process, with PORT,
    HOST and the interpreter's own folder first on the PATH. Raises NamedError `port-in-use`,
    `unknown-process`, or `process-ended` when one ends by itself: all others are ended then too.
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
    services = _Services(_reachable(host, port) if "web" in commands else None)
    for name, command in commands.items():
        services.add_process(name, command, env=environment, cwd=str(procfile.parent))
    services.loop()
    if not services.asked_to_stop:
        raise NamedError(
            "process-ended",
            "A process ended by itself, so all were stopped.",
            "Its last lines above say why; after that, start again. No job is lost.",
        )


def needed(embedded_redis: bool) -> list[str]:
    """The processes that one machine runs; Redis is among them unless there is one elsewhere."""
    names = parse_procfile(PROCFILE.read_text()).processes
    return [name for name in names if embedded_redis or name != "redis"]


def _chosen(procfile: Path, names: Collection[str]) -> dict[str, str]:
    commands: dict[str, str] = parse_procfile(procfile.read_text()).processes
    if unknown := set(names) - set(commands):
        raise NamedError(
            "unknown-process",
            f"There is no process called {', '.join(sorted(unknown))}.",
            f"Known are {', '.join(commands)}.",
        )
    return {name: command for name, command in commands.items() if not names or name in names}


class _Services(Manager):
    """honcho's manager, which says where the page is, and which nothing makes leave orphans."""

    def __init__(self, address: str | None) -> None:
        super().__init__()
        self._process_ctor = _Service
        self._address = address
        self._over = threading.Event()

    @property
    def asked_to_stop(self) -> bool:
        return self.returncode in (130, 143)  # honcho's marks of SIGINT and SIGTERM

    def loop(self) -> None:
        super().loop()
        self._over.set()

    def terminate(self) -> None:
        """Stop everything, also when the signal comes before honcho has heard of every start."""
        if self._all_started():
            super().terminate()
        else:
            later = threading.Timer(0.1, self.terminate)
            later.daemon = True
            later.start()

    def _start(self) -> None:
        super()._start()
        if self._address is not None:
            threading.Thread(target=self._announce, args=[self._address], daemon=True).start()

    def _announce(self, address: str) -> None:
        while not self._over.wait(0.2):
            if _answers(address):
                print(f"\n  Mouth Animation is ready: {address}   (Ctrl-C stops it)\n", flush=True)
                return


class _Service(Process):
    """A process that ends when its supervisor does, even by SIGKILL: no port stays taken."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _Child

    def run(self, *arguments: Any, **options: Any) -> None:
        _end_with_parent(signal.SIGKILL)  # this fork of the supervisor only passes lines on
        super().run(*arguments, **options)


class _Child(Popen):
    def __init__(self, command: str, **options: Any) -> None:
        super().__init__(command, preexec_fn=lambda: _end_with_parent(signal.SIGTERM), **options)


def _end_with_parent(with_signal: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(with_signal))


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
            raise NamedError(
                "port-in-use",
                f"The page cannot be served at {host}, port {port}: {error.strerror}.",
                f"Stop what uses it, or choose another port: PORT={port + 1} make run.",
            ) from error


def _reachable(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0') else host}:{port}"  # noqa: S104
