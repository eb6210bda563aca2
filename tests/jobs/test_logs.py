import json
import logging

import pytest

from jobs import logs


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> object:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_one_line_with_the_job_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("engine")
    logs.log("segment-done", job="f00", step="render", seconds=1.23456, note='two\n"words"')
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(
        r'info engine segment-done job=f00 step=render seconds=1.23 note="two\n\"words\""'
    )


def test_a_failure_brings_its_traceback_on_the_same_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("light")
    try:
        raise KeyError("mouth")
    except KeyError:
        logs.failure("segment-error", job="f00")
    (line,) = capsys.readouterr().out.splitlines()
    assert "error light segment-error job=f00" in line
    assert "KeyError: 'mouth'" in json.loads(line.partition("traceback=")[2])
