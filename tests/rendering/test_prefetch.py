"""Stages that work at the same time: in order, never far ahead, and no failure is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from rendering.prefetch import parallel_map, prefetch, writer_thread


def test_the_next_is_made_while_one_is_worked_on_and_no_more() -> None:
    made: list[int] = []
    second_made = threading.Event()

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second_made.set()
            yield number

    coming = prefetch(items())
    assert next(coming) == 0
    assert second_made.wait(10)  # made by another thread, although nobody asked
    assert made == [0, 1]
    assert list(coming) == [1, 2, 3, 4]


def test_what_a_reader_raises_comes_where_its_item_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(coming)


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with closing(prefetch(iter(range(100)))) as coming:
        assert next(coming) == 0
    assert threading.active_count() == before


def nothing() -> None:
    """What a thread begins with."""


def test_two_are_worked_on_at_the_same_time_and_come_in_order() -> None:
    both = threading.Barrier(2, timeout=10)
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        both.wait()  # of one thread, this would be the end
        return 10 * number

    done = parallel_map(work, numbers(), 2, nothing)
    assert next(done) == 0
    assert taken == [0, 1]
    assert list(done) == [10, 20, 30, 40, 50]


def test_every_thread_begins_as_it_is_told_to() -> None:
    here = threading.local()

    def begin() -> None:
        here.ready = True

    assert list(parallel_map(lambda item: (item, here.ready), range(4), 2, begin)) == [
        (item, True) for item in range(4)
    ]


def test_what_work_raises_comes_where_its_result_would_have_come() -> None:
    def work(number: int) -> int:
        if number == 1:
            raise OSError("out of order")
        return number

    done = parallel_map(work, range(5), 2, nothing)
    assert next(done) == 0
    with pytest.raises(OSError, match="out of order"):
        next(done)


def test_all_is_written_in_order_by_another_thread() -> None:
    written: list[tuple[int, int]] = []
    with writer_thread(lambda item: written.append((item, threading.get_ident()))) as submit:
        for number in range(20):
            submit(number)
    assert [number for number, _ in written] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread in written}


def written_behind(write: Callable[[int], None], numbers: range, handed: list[int]) -> None:
    with writer_thread(write) as submit:
        for number in numbers:
            submit(number)
            handed.append(number)


def full(item: int) -> None:
    if item == 2:
        raise OSError("no space left")


def test_a_failure_to_write_is_raised_at_the_next_item() -> None:
    handed: list[int] = []
    with pytest.raises(OSError, match="no space left"):
        written_behind(full, range(10), handed)
    assert handed == [0, 1, 2]


def test_a_failure_to_write_the_last_item_is_raised_too() -> None:
    with pytest.raises(OSError, match="no space left"):
        written_behind(full, range(3), [])


def test_a_block_that_fails_waits_for_what_is_being_written() -> None:
    written: list[int] = []

    def cancelled() -> None:
        with writer_thread(written.append) as submit:
            submit(1)
            raise ValueError("cancelled")

    with pytest.raises(ValueError, match="cancelled"):
        cancelled()
    assert written == [1]
