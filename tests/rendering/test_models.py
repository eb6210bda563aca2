"""Networks that are kept for the next job."""

import gc
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import checkpoints
from rendering import models


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
