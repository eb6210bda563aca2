"""`mouth serve`: everything starts together, says where the page is, and ends together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from media.errors import NamedError
from workers.serve import serve

PROCFILE = """\
web: exec python -m http.server "$PORT" --bind "$HOST"
beat: exec sleep 1000
"""
START = """
import os, sys
from pathlib import Path
from workers.serve import serve
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


def test_when_one_process_ends_all_do(procfile: Path, port: int) -> None:
    procfile.write_text(PROCFILE.replace("sleep 1000", "false"))
    with pytest.raises(NamedError, match="ended by itself"):
        run_serve(port, procfile)


def test_a_taken_port_is_said_before_anything_starts(procfile: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NamedError, match="choose another port") as refused:
            serve("127.0.0.1", taken.getsockname()[1], os.environ, procfile=procfile)
    assert refused.value.code == "port-in-use"


def test_some_processes_may_be_chosen_by_name(procfile: Path, port: int) -> None:
    procfile.write_text(PROCFILE + "quick: exec echo only me\n")
    with pytest.raises(NamedError) as ended:
        run_serve(port, procfile, "quick")
    assert ended.value.code == "process-ended"
    with pytest.raises(NamedError, match="Known are web, beat, quick"):
        serve("127.0.0.1", port, os.environ, ["nobody"], procfile)


def run_serve(port: int, procfile: Path, *names: str) -> None:
    """Serve in this process, and put its signal handlers back."""
    kept = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        serve("127.0.0.1", port, os.environ, names, procfile)
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)
