"""A step that takes too long is said to, wherever its time limit finds it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from celery.exceptions import SoftTimeLimitExceeded

import checkpoints
from media.errors import NamedError
from wav2lip import weights


def strike(*_: Any, **__: Any) -> None:
    """What a worker does, wherever it is, at the signal that a task's time is up."""
    raise SoftTimeLimitExceeded


def test_a_reader_that_takes_it_for_a_damaged_file_is_seen_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from workers.tasks import is_out_of_time  # opens its queue where VAR_DIR is by now

    monkeypatch.setattr(torch, "load", strike)
    with pytest.raises(NamedError) as stopped:
        weights.read(checkpoints.SHIPPED / "compact.pt")
    assert stopped.value.code == "checkpoint-corrupt"
    assert is_out_of_time(stopped.value)


def test_a_file_that_is_damaged_stays_so(tmp_path: Path) -> None:
    from workers.tasks import is_out_of_time

    (tmp_path / "weights.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(NamedError) as stopped:
        weights.read(tmp_path / "weights.pt")
    assert not is_out_of_time(stopped.value)
