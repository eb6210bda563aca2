"""`python -m tests.faults.faulty PROGRAM ...`: celery or gunicorn, in a world whose files and clock
misbehave.

The file that FAULTS names says how, at any moment anew: {"errno": "ENOSPC", "matching": PATTERN}
lets nothing be written where the path matches, {"hang": PATTERN} lets it take for ever, and
{"clock": SECONDS} sets the clock forward or back.
"""

import builtins
import errno
import io
import json
import os
import re
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from jobs import database
from workers import steps

_SAYS = Path(os.environ["FAULTS"])
_real_time = time.time
_real_open = io.open


def _faults() -> dict[str, Any]:
    with _real_open(_SAYS) as file:
        said: dict[str, Any] = json.load(file)
    return said


def _refuse(path: object) -> None:
    faults = _faults()
    if "hang" in faults and re.search(faults["hang"], os.fsdecode(str(path))):
        time.sleep(3600)
    if "errno" in faults and re.search(faults["matching"], os.fsdecode(str(path))):
        number = getattr(errno, faults["errno"])
        raise OSError(number, os.strerror(number), str(path))


def _writing(name: Callable[..., Any], at: int = 0) -> Callable[..., Any]:
    """The function, refused where its argument number `at` is a path that matches."""

    def refused(*arguments: Any, **options: Any) -> Any:
        _refuse(arguments[at])
        return name(*arguments, **options)

    return refused


def _opening(name: Callable[..., Any]) -> Callable[..., Any]:
    def refused(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode or "r") & set("wax+"):
            _refuse(path)
        return name(path, mode, *arguments, **options)

    return refused


builtins.open = io.open = _opening(io.open)  # type: ignore[assignment]
av.open = _opening(av.open)
os.mkdir = _writing(os.mkdir)
os.replace = _writing(os.replace, at=1)
os.rename = _writing(os.rename, at=1)
time.time = lambda: _real_time() + float(_faults().get("clock", 0.0))
steps.time_limit = lambda *_: 6.0 if "hang" in _faults() else 300.0
database.BUSY_MILLISECONDS = 500  # a test must not wait for half a minute

if __name__ == "__main__":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
