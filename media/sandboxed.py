"""The process in which `media.sandbox` has files probed; started as `-m media.sandboxed FD`.

It takes the ends of socket pairs from the socket FD. For each it forks a child, which writes its
process id and a line feed, reads a request as JSON until its end, and writes an answer as JSON:
{"result": ...} or {"error": {code, message, remedy}}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import traceback
from base64 import b64encode
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

import media.upright  # noqa: F401 - loaded once, here, not in every child
from media.errors import NamedError, too_demanding, unreadable
from media.inspection import inspect
from media.media_info import Limits
from media.poster import poster
from media.sound import check_voice

_LARGEST_WRITE = 16 * 1024**2  # bytes of a file; tables for tone mapping are written, once each
_OPEN_FILES = 64


def serve(control: socket.socket) -> None:
    """Fork a child for every socket that comes, until the other side is closed."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        if os.fork() == 0:
            control.close()
            _be_a_child(descriptors[0])
        os.close(descriptors[0])


def _be_a_child(descriptor: int) -> None:
    try:
        with socket.socket(fileno=descriptor) as line:
            line.sendall(f"{os.getpid()}\n".encode())
            with line.makefile("rb") as file:
                request = json.load(file)
            _confine(**request.pop("bounds"))
            line.sendall(json.dumps(_answer(request)).encode())
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(0)  # nothing of the parent's is to be tidied up by its child


def _confine(memory: int, seconds: int) -> None:
    """Take from this process, for good, what it will not need. Beyond the bounds it is killed."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bounds = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: _LARGEST_WRITE,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        resource.setrlimit(kind, (most, most))
    # Where memory runs out all the same, this process goes first.
    Path("/proc/self/oom_score_adj").write_text("1000")
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    work = _WORK[request.pop("work")]
    try:
        return {"result": work(Path(request.pop("path")), **request)}
    except NamedError as error:
        return {"error": error.as_dict()}
    except MemoryError:
        return {"error": too_demanding().as_dict()}
    except Exception:
        # A file made our code stumble: that is ours to mend, so the log tells where.
        traceback.print_exc()
        return {"error": unreadable().as_dict()}


def _probe(path: Path, limits: dict[str, Any]) -> dict[str, Any]:
    duration = Fraction(limits.pop("duration"))
    return inspect(path, Limits(duration=duration, **limits)).to_dict()


def _voice(path: Path) -> str:
    return str(check_voice(path))


def _poster(path: Path) -> str:
    return b64encode(poster(path)).decode()


_WORK: dict[str, Callable[..., Any]] = {"probe": _probe, "voice": _voice, "poster": _poster}


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets children that end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the web server's; its end is ours
    Image.init()
    serve(socket.socket(fileno=int(sys.argv[1])))
