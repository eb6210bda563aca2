"""A list of tasks is worked through once, whatever happens on the way."""

import fcntl
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dataset.worklist import Done, Dropped, Outcome, Task, atomic_output, run_tasks
from media.errors import MediaError, NamedError

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"command": "copy"}


def copy(task: Task, out: Path) -> Outcome:
    """Copies a text, and notes in a log that it was at work."""
    text = task.source.read_text()
    if text == "useless":
        raise Dropped("nothing in it: 0 words")
    if text == "damaged":
        raise MediaError("unreadable-media", "It cannot be read.", "Export it again.")
    if text == "bug":
        raise ZeroDivisionError
    with (out / "log").open("a") as log:
        log.write(task.name)
    with atomic_output(out, f"{task.name}.txt") as path:
        path.write_text(f"{text} {task.what}")
    return Outcome(made=(f"{task.name}.txt",), facts={"length": len(text)})


@pytest.fixture
def tasks(tmp_path: Path) -> list[Task]:
    for name in "abc":
        (tmp_path / name).write_text(f"text of {name}")
    return [Task(name, tmp_path / name, 1) for name in "abc"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def run(tasks: list[Task], out: Path, processes: int = 1) -> Done:
    return run_tasks(tasks, partial(copy, out=out), out, "journal", SETTINGS, processes)


def log(out: Path) -> str:
    return (out / "log").read_text()


def test_each_task_is_done_once(tasks: list[Task], out: Path) -> None:
    first = run(tasks, out)
    assert first.fresh == 3
    assert (out / "b.txt").read_text() == "text of b 1"
    again = run(tasks, out)
    assert (again.fresh, again.outcomes) == (0, first.outcomes)
    assert log(out) == "abc"


def test_processes_give_the_same_in_the_same_order(tasks: list[Task], out: Path) -> None:
    assert run(tasks, out, processes=2).outcomes == run(tasks, out.with_name("other")).outcomes


def test_what_is_new_changed_or_gone_is_done_again(tasks: list[Task], out: Path) -> None:
    run(tasks[:2], out)
    tasks[0].source.write_text("another text")
    (out / "b.txt").unlink()
    assert run(tasks, out).fresh == 3
    assert (out / "a.txt").read_text() == "another text 1"
    assert run([Task("a", tasks[0].source, 2)], out).fresh == 1
    assert (out / "a.txt").read_text() == "another text 2"


def test_what_is_no_longer_wanted_goes(tasks: list[Task], out: Path) -> None:
    run(tasks, out)
    tasks[2].source.write_text("useless")
    outcomes = run(tasks[1:], out).outcomes
    assert [each.reason for each in outcomes] == ["", "nothing in it: 0 words"]
    assert sorted(path.name for path in out.glob("*.txt")) == ["b.txt"]


def test_a_damaged_clip_is_dropped_and_a_bug_is_not_hidden(tasks: list[Task], out: Path) -> None:
    tasks[1].source.write_text("damaged")
    assert [each.reason for each in run(tasks, out).outcomes] == ["", "It cannot be read.", ""]
    tasks[1].source.write_text("bug")
    for processes in (1, 2):
        with pytest.raises(ZeroDivisionError):
            run(tasks, out, processes)


def test_two_ways_are_not_mixed(tasks: list[Task], out: Path) -> None:
    run(tasks, out)
    with pytest.raises(NamedError, match="made with other settings") as caught:
        run_tasks(tasks, partial(copy, out=out), out, "journal", {"command": "move"})
    assert caught.value.code == "other-settings"


def test_two_runs_at_once_are_refused(tasks: list[Task], out: Path) -> None:
    run(tasks, out)
    with (out / "journal.jsonl").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(NamedError, match="Another run is at work"):
            run(tasks, out)


def test_one_name_for_two_files_is_refused(tasks: list[Task], out: Path) -> None:
    with pytest.raises(NamedError, match="would both become a"):
        run([*tasks, Task("a", tasks[1].source)], out)


def test_a_line_that_was_cut_off_is_written_anew(tasks: list[Task], out: Path) -> None:
    run(tasks, out)
    journal = out / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    assert run(tasks, out).fresh == 1
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["outcome"]["name"] for line in lines[1:]] == ["a", "b", "c"]


KILLED = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, {root!r})
from dataset.worklist import Outcome, Task, atomic_output, run_tasks

def do(task, out):
    with atomic_output(out, task.name + ".txt") as path:
        path.write_text("half")
        if task.name == "c":
            reached = Path({pipe!r}).open("w")  # waits for a reader
            reached.write("here")
            reached.flush()
            Path({never!r}).open("w")  # waits for ever
        path.write_text(f"text of {{task.name}} 1")
    return Outcome(made=(task.name + ".txt",), facts={{"length": 9}})

if __name__ == "__main__":
    folder = Path({folder!r})
    tasks = [Task(name, folder / name, 1) for name in "abc"]
    out = folder / "out"
    run_tasks(tasks, partial(do, out=out), out, "journal", {settings!r}, {count})
"""


@pytest.mark.parametrize("count", [1, 2])
def test_killed_it_goes_on(
    tasks: list[Task],
    out: Path,
    tmp_path: Path,
    count: int,
    kill_when_reached: Callable[[Path, Path], None],
) -> None:
    pipe, never = tmp_path / "pipe", tmp_path / "never"
    os.mkfifo(pipe)
    os.mkfifo(never)
    script = tmp_path / "killed.py"
    script.write_text(
        KILLED.format(
            root=str(ROOT),
            pipe=str(pipe),
            never=str(never),
            folder=str(tmp_path),
            settings=SETTINGS,
            count=count,
        )
    )
    kill_when_reached(script, pipe)
    assert list((out / ".unfinished").iterdir()) != []
    assert not (out / "c.txt").exists()
    known = set((out / "journal.jsonl").read_text().split('"'))
    finished = [name for name in "ab" if name in known]

    assert run(tasks, out).fresh == 3 - len(finished)
    assert sorted(log(out)) == [name for name in "abc" if name not in finished]
    texts = [(out / f"{name}.txt").read_text() for name in "abc"]
    assert texts == ["text of a 1", "text of b 1", "text of c 1"]
    assert not (out / ".unfinished").exists()
