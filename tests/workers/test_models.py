"""Networks that are kept for the next job."""

import gc
import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import checkpoints
from workers import models


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    models._engine.cache_clear()
    yield
    models._engine.cache_clear()
    gc.unfreeze()


def test_a_collection_of_garbage_does_not_look_at_what_is_loaded() -> None:
    models._engine("compact", None, "fp32")

    assert gc.get_freeze_count() > len(gc.get_objects())


def test_what_gives_way_to_other_weights_is_freed_without_a_collection(tmp_path: Path) -> None:
    weights = checkpoints.get("compact").path
    names = [str(shutil.copy(weights, tmp_path / f"{n}.pt")) for n in range(3)]
    first = weakref.ref(models._engine(names[0], None, "fp32"))
    gc.disable()
    try:
        for name in names[1:]:
            models._engine(name, None, "fp32")
        assert first() is None
    finally:
        gc.enable()


def test_all_cores_are_used_unless_the_environment_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    try:
        torch.set_num_threads(cores + 1)
        monkeypatch.setenv("OMP_NUM_THREADS", str(cores + 1))
        models._use_all_cores()
        assert torch.get_num_threads() == cores + 1

        monkeypatch.delenv("OMP_NUM_THREADS")
        models._use_all_cores()
        assert torch.get_num_threads() == cores
    finally:
        torch.set_num_threads(before)
