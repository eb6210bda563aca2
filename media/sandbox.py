"""The sandbox: strangers' files are probed in a process with little rights, memory and time.

A decoder is large and old C, and a file may be made to break it. So the files are opened
in `media.sandboxed`: one process that has everything loaded and forks a child for each file. The
child is bounded in memory, CPU time and wall time, and knows none of our secrets.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from contextlib import suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media.errors import MediaError, too_demanding
from media.media_info import Limits, MediaInfo
from media.turns import Turns

_GRACE = 5  # seconds that a child has beyond its limit to be gone by itself
_LARGEST_ANSWER = 1 << 20  # bytes
# Nothing else of our environment, where keys and passwords are, is handed on.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
# One large file per core is probed at a time: more would be no faster and take more memory.
_TURNS = Turns(os.cpu_count() or 1)


@dataclass(frozen=True)
class Bounds:
    """What probing one file may take: bytes of memory; seconds of CPU time and of wall time.

    The memory is what comes on top of the loaded libraries.
    """

    memory: int = 2 * 1024**3
    seconds: int = 60


def probe(path: Path, limits: Limits, bounds: Bounds, client: str = "") -> MediaInfo:
    """As `media.probe.probe`, in the sandbox, where clients take turns.

    Raises MediaError as that does, and `too-demanding` beyond the bounds.
    """
    wanted = {**asdict(limits), "duration": str(limits.duration)}
    return MediaInfo.from_dict(_ask("probe", path, bounds, client, limits=wanted))


def voice_duration(path: Path, bounds: Bounds, client: str = "") -> Fraction:
    """As `media.sound.check_voice`, in the sandbox.

    Raises MediaError as that does, and `too-demanding` beyond the bounds.
    """
    return Fraction(_ask("voice", path, bounds, client))


def poster(path: Path, bounds: Bounds, client: str = "") -> bytes:
    """As `media.poster.poster`, in the sandbox.

    Raises MediaError as that does, and `too-demanding` beyond the bounds.
    """
    return b64decode(_ask("poster", path, bounds, client))


def _ask(work: str, path: Path, bounds: Bounds, client: str, **more: Any) -> Any:
    request = {"work": work, "path": str(path.absolute()), "bounds": asdict(bounds), **more}
    size = path.stat().st_size if path.exists() else 0  # that it is not there is found out inside
    with _TURNS.turn(client, size):
        text = _nursery.ask(json.dumps(request).encode(), bounds.seconds + _GRACE)
    if not text:
        raise too_demanding()
    answer = json.loads(text)
    if error := answer.get("error"):
        raise MediaError(error["code"], error["message"], error["remedy"])
    return answer["result"]


class _Nursery:
    """The process that makes the children; started at the first need, and again if it dies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def ask(self, request: bytes, seconds: float) -> bytes:
        """What a new child answers; nothing, when it did not live to answer."""
        for _ in range(2):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                control = self._hand_over(theirs)
                theirs.close()
                pid, answer = _converse(ours, request, seconds)
            if pid:
                return answer
            self._end(control)
        raise RuntimeError("The process that probes files does not start.")

    def stop(self) -> None:
        """End the process; children at work end at their limits."""
        self._end(self._control)

    def _hand_over(self, line: socket.socket) -> socket.socket:
        with self._lock:
            control = self._control or self._start()
            with suppress(OSError):  # it died: `_converse` then gets no answer
                socket.send_fds(control, [b"\0"], [line.fileno()])
            return control

    def _start(self) -> socket.socket:
        self._control, theirs = socket.socketpair()
        kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "media.sandboxed", str(theirs.fileno())],
                cwd=Path(__file__).resolve().parent.parent,
                env={**kept, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return self._control

    def _end(self, control: socket.socket | None) -> None:
        with self._lock:
            if control is None or control is not self._control or self._process is None:
                return  # somebody else was faster
            control.close()
            self._process.kill()
            self._process.wait()
            self._control = self._process = None


def _converse(line: socket.socket, request: bytes, seconds: float) -> tuple[int, bytes]:
    """The child's process id, 0 if there is no child, and what it answers in time."""
    pid, answer = 0, b""
    line.settimeout(seconds)
    try:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        while len(answer) < _LARGEST_ANSWER and (part := line.recv(_LARGEST_ANSWER)):
            answer += part
            if not pid and b"\n" in answer:
                number, answer = answer.split(b"\n", 1)
                pid = int(number)
    except TimeoutError:
        answer = b""
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    except OSError:  # it is gone
        answer = b""
    return pid, answer


_nursery = _Nursery()
atexit.register(_nursery.stop)
