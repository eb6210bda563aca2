"""`mouth serve`: everything starts together, says where the page is, and ends together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from media.errors import NamedError
from processes import supervisor
from processes.serve import serve

PROCFILE = """\
web: exec python -m http.server "$PORT" --bind "$HOST"
beat: exec sleep 1000
"""
START = """
import os, sys
from pathlib import Path
from processes.serve import serve
serve("127.0.0.1", int(sys.argv[1]), os.environ, procfile=Path(sys.argv[2]))
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def procfile(tmp_path: Path) -> Path:
    path = tmp_path / "a place with spaces" / "Procfile"
    path.parent.mkdir()
    path.write_text(PROCFILE)
    return path


@pytest.fixture
def running(procfile: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    with started(procfile, port) as process:
        yield process


@contextmanager
def started(procfile: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`mouth serve` on a Procfile, as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(port), str(procfile)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def wait_until_ready(running: subprocess.Popen[str], port: int) -> None:
    assert running.stdout
    lines = iter(running.stdout.readline, "")
    assert any(f"ready: http://127.0.0.1:{port} " in line for line in lines)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(
    running: subprocess.Popen[str], port: int, how: signal.Signals
) -> None:
    wait_until_ready(running, port)
    family = psutil.Process(running.pid).children(recursive=True)
    running.send_signal(how)
    assert running.wait(30) == 0
    assert psutil.wait_procs(family, timeout=30)[1] == []


def test_even_a_killed_supervisor_leaves_nothing_behind(
    running: subprocess.Popen[str], port: int
) -> None:
    wait_until_ready(running, port)
    family = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    assert psutil.wait_procs(family, timeout=30)[1] == []


def test_a_process_that_is_killed_is_started_again_and_the_others_live_on(
    running: subprocess.Popen[str], port: int
) -> None:
    wait_until_ready(running, port)
    web, clock = sorted(family_of(running), key=lambda process: "sleep" in process.name())
    web.kill()
    wait_until(lambda: web not in family_of(running) and len(family_of(running)) == 2)
    assert clock in family_of(running)
    wait_until(lambda: answers(port))


def test_what_a_dead_process_had_started_goes_with_it(
    procfile: Path, port: int, tmp_path: Path
) -> None:
    """The child of a server would hold its port, and the next one could not listen."""
    procfile.write_text(f"one: sh -c 'sleep 1000 & echo $! >> {tmp_path}/children; sleep 1000'\n")
    with started(procfile, port) as process:
        children = tmp_path / "children"
        wait_until(lambda: children.exists() and children.read_text().endswith("\n"))
        orphan = psutil.Process(int(children.read_text()))
        orphan.parent().kill()
        wait_until(lambda: not orphan.is_running() or orphan.status() == "zombie")
        wait_until(lambda: len(children.read_text().splitlines()) == 2)
        process.terminate()
        assert process.wait(30) == 0


def test_a_process_that_cannot_be_kept_alive_ends_everything(
    procfile: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(supervisor, "LONGEST_DELAY", 0.01)
    procfile.write_text(PROCFILE.replace("sleep 1000", "false"))
    with pytest.raises(NamedError, match="'beat' does not stay alive"):
        run_serve(port, procfile)


def test_a_process_that_says_its_settings_are_wrong_is_not_started_again(
    procfile: Path, port: int, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    procfile.write_text(f"redis: echo start >> {starts}; exit {os.EX_CONFIG}\n")
    with pytest.raises(NamedError, match="'redis' does not stay alive"):
        run_serve(port, procfile)
    assert starts.read_text() == "start\n"


def test_a_taken_port_is_said_before_anything_starts(procfile: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NamedError, match="Choose another port, PORT=") as refused:
            serve("127.0.0.1", taken.getsockname()[1], os.environ, procfile=procfile)
    assert refused.value.code == "port-in-use"


def test_an_address_of_another_machine_is_said_before_anything_starts(
    procfile: Path, port: int
) -> None:
    with pytest.raises(NamedError, match="an address of this machine") as refused:
        serve("192.0.2.1", port, os.environ, procfile=procfile)
    assert refused.value.code == "cannot-listen"


def test_some_processes_may_be_chosen_by_name(procfile: Path, port: int, tmp_path: Path) -> None:
    procfile.write_text(f"{PROCFILE}quick: touch {tmp_path}/ran; exit {os.EX_CONFIG}\n")
    with pytest.raises(NamedError, match="'quick'"):
        run_serve(port, procfile, "quick")
    assert (tmp_path / "ran").exists()
    with pytest.raises(NamedError, match="Known are web, beat, quick"):
        serve("127.0.0.1", port, os.environ, ["nobody"], procfile)


def family_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def run_serve(port: int, procfile: Path, *names: str) -> None:
    """Serve in this process, and leave its log as it was."""
    handlers = logging.root.handlers[:]
    try:
        serve("127.0.0.1", port, os.environ, names, procfile)
    finally:
        logging.root.handlers[:] = handlers
