"""Progress: told, and asked whether to go on."""

from itertools import islice

import pytest

from rendering.progress import SILENT, Cancelled

from .conftest import Counting


def test_by_default_nothing_is_told_and_nothing_cancelled() -> None:
    SILENT.advance(3)
    SILENT.check()
    assert list(SILENT.checked(range(3))) == [0, 1, 2]
    assert not SILENT.is_cancelled()


def test_items_are_given_until_the_work_is_cancelled() -> None:
    progress = Counting(1)
    items = progress.checked(range(5))
    assert list(islice(items, 2)) == [0, 1]
    progress.advance(1)
    with pytest.raises(Cancelled):
        next(items)
