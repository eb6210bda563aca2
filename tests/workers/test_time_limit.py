"""A step that takes too long is said to, wherever its time limit finds it."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from media.errors import NamedError
from wav2lip import weights


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A file of weights on a disk that never answers: a pipe to which nobody writes."""
    path = tmp_path / "weights.pt"
    os.mkfifo(path)
    return path


def give_up(*_: Any) -> None:
    """What a worker does at the signal that a task's time is up."""
    raise SoftTimeLimitExceeded


def test_a_reader_that_takes_it_for_a_damaged_file_is_seen_through(endless: Path) -> None:
    from workers.tasks import is_out_of_time  # opens its queue where VAR_DIR is by now

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(NamedError) as stopped:
            weights.read(endless)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert stopped.value.code == "checkpoint-corrupt"
    assert is_out_of_time(stopped.value)


def test_a_file_that_is_damaged_stays_so(tmp_path: Path) -> None:
    from workers.tasks import is_out_of_time

    (tmp_path / "weights.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(NamedError) as stopped:
        weights.read(tmp_path / "weights.pt")
    assert not is_out_of_time(stopped.value)
