"""A list of tasks done in several processes, which can be killed at any moment and continued.

A journal in the output folder names every task that is finished. Output is written elsewhere and
moved into place, so that every file in the output folder is complete.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle, islice
from multiprocessing import Queue, get_context
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import cv2
from tqdm import tqdm

from face_detection.errors import FaceError
from media.errors import MediaError, NamedError, already_running
from wav2lip.process_pool import working

_UNFINISHED = ".unfinished"


@dataclass(frozen=True)
class Task:
    """One task. It is done again when its `source` file or its `what` (JSON) changes."""

    name: str
    source: Path
    what: Any = None

    @property
    def key(self) -> str:
        """What the journal compares: size and time of the source, and `what`."""
        status = self.source.stat()
        return f"{status.st_size} {status.st_mtime_ns} {json.dumps(self.what)}"


@dataclass(frozen=True)
class Outcome:
    """The result of a task: paths that it made, relative to the output folder, or why none.

    `facts` are JSON values for the report; `seconds` among them is the duration of a clip.
    """

    name: str = ""
    made: tuple[str, ...] = ()
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Dropped(Exception):
    """Raised by a task whose clip cannot be used; the message is the reason in the report."""


@dataclass(frozen=True)
class Done:
    """The outcomes of all tasks, in their order, and the number of those that were done now."""

    outcomes: list[Outcome]
    fresh: int


Do = Callable[[Task], Outcome]
_device: str | None = None


def run_tasks(
    tasks: Sequence[Task],
    do: Do,
    out: Path,
    journal: str,
    settings: dict[str, Any],
    processes: int = 1,
    devices: Sequence[str] = (),
) -> Done:
    """Do every task that is not done yet: not in `out`/`journal`.jsonl, or with output missing.

    `do` must be picklable, writes by `atomic_output`, and raises `Dropped` for a clip that cannot
    be used; MediaError and FaceError count as that. With `devices` each process uses one of them,
    see `device`. The output of tasks that are no longer on the list is removed.

    Raises NamedError: same-name, other-settings (if `settings` are not those of the journal),
    already-running, worker-died.
    """
    _require_distinct(tasks)
    out.mkdir(parents=True, exist_ok=True)
    with _opened(out / f"{journal}.jsonl", settings) as (file, known):
        shutil.rmtree(out / _UNFINISHED, ignore_errors=True)
        done = {}
        for task in tasks:
            key, outcome = known.pop(task.name, ("", Outcome()))
            if key == task.key and all((out / path).exists() for path in outcome.made):
                done[task.name] = outcome
            else:
                _remove(out, outcome)
        for _, outcome in known.values():
            _remove(out, outcome)
        todo = [task for task in tasks if task.name not in done]
        for task, outcome in _outcomes(todo, do, processes, devices, journal):
            done[task.name] = outcome
            _note(file, {"key": task.key, "outcome": asdict(outcome)})
        shutil.rmtree(out / _UNFINISHED, ignore_errors=True)
    return Done([done[task.name] for task in tasks], len(todo))


@contextmanager
def atomic_output(out: Path, name: str) -> Iterator[Path]:
    """A path to write a file or folder to, which is renamed to `out`/`name` at the end."""
    target = out / name
    aside = out / _UNFINISHED / f"{uuid4().hex}{target.suffix}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    yield aside
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    aside.replace(target)


def same_name(one: Path, other: Path, name: str) -> NamedError:
    """The error for two files that would get the same name."""
    problem = f"{one} and {other} would both become {name}."
    return NamedError("same-name", problem, "Rename one of them.")


def device() -> str | None:
    """The one of the `devices` that this process uses; None for the default one."""
    return _device


def _outcomes(
    tasks: Sequence[Task], do: Do, processes: int, devices: Sequence[str], title: str
) -> Iterator[tuple[Task, Outcome]]:
    if not tasks:
        return
    processes = min(max(processes, len(devices)), len(tasks))
    with tqdm(total=len(tasks), desc=title, unit="clip", disable=None) as bar:
        if processes <= 1 and not devices:
            for task in tasks:
                yield task, _attempt(do, task)
                bar.update()
            return
        waiting: Queue[str | None] = get_context("spawn").Queue()
        for each in islice(cycle(devices or [None]), processes):
            waiting.put(each)
        try:
            with working(processes, _begin, waiting) as pool:
                futures = {pool.submit(_attempt, do, task): task for task in tasks}
                for future in as_completed(futures):
                    yield futures[future], future.result()
                    bar.update()
        except BrokenProcessPool as error:
            raise NamedError(
                "worker-died",
                "A working process was ended from outside; mostly the memory was full.",
                "Run the command again, it goes on where it was; with fewer --processes.",
            ) from error


def _attempt(do: Do, task: Task) -> Outcome:
    try:
        return replace(do(task), name=task.name)
    except Dropped as dropped:
        return Outcome(task.name, reason=str(dropped))
    except (MediaError, FaceError) as error:
        return Outcome(task.name, reason=error.message)


def _begin(devices: Queue[str | None]) -> None:
    """Set up a process of the pool."""
    global _device
    _device = devices.get()
    cv2.setNumThreads(1)


def _require_distinct(tasks: Sequence[Task]) -> None:
    seen: dict[str, Path] = {}
    for task in tasks:
        if task.name in seen:
            raise same_name(seen[task.name], task.source, task.name)
        seen[task.name] = task.source


@contextmanager
def _opened(
    path: Path, settings: dict[str, Any]
) -> Iterator[tuple[IO[str], dict[str, tuple[str, Outcome]]]]:
    """The journal, locked and ready to be added to, and the tasks it names: key and outcome."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise already_running(path.parent) from error
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # killed while writing
            lines.pop()
            file.truncate(len("".join(lines).encode()))
        if not lines:
            _note(file, settings)
        elif json.loads(lines[0]) != json.loads(json.dumps(settings)):
            raise NamedError(
                "other-settings",
                f"{path.parent} was made with other settings: {lines[0].strip()}",
                "Use the same ones, or another folder, or delete this one.",
            )
        known = {}
        for entry in map(json.loads, lines[1:]):
            fields = entry["outcome"]
            outcome = Outcome(**{**fields, "made": tuple(fields["made"])})
            known[outcome.name] = entry["key"], outcome
        yield file, known


def _note(file: IO[str], entry: dict[str, Any]) -> None:
    file.write(json.dumps(entry) + "\n")
    file.flush()


def _remove(out: Path, outcome: Outcome) -> None:
    for path in (out / name for name in outcome.made):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
