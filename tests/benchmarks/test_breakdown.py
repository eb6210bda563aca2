"""Time by stage: each stage has its own, and not that of the stages within it."""

import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.breakdown import StageClock


def busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Work:
    def outer(self) -> None:
        busy(0.02)
        self.inner()

    def inner(self) -> None:
        busy(0.04)

    def items(self) -> Iterator[int]:
        for number in range(3):
            busy(0.01)
            yield number


def test_a_stage_does_not_count_what_a_stage_within_it_takes() -> None:
    class Job(Work):
        pass

    clock = StageClock()
    clock.count("outer", Job, "outer")
    clock.count("inner", Job, "inner")
    threads = [threading.Thread(target=Job().outer) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.costs["outer"].cpu == pytest.approx(0.04, rel=0.2)
    assert clock.costs["inner"].cpu == pytest.approx(0.08, rel=0.2)
    assert clock.costs["inner"].seconds >= clock.costs["inner"].cpu * 0.9


def test_the_steps_of_an_iterator_count_and_not_what_is_done_between_them() -> None:
    class Job(Work):
        pass

    clock = StageClock()
    clock.count_items("items", Job, "items")
    taken = []
    for item in Job().items():
        busy(0.03)
        taken.append(item)
    assert taken == [0, 1, 2]
    assert clock.costs["items"].cpu == pytest.approx(0.03, rel=0.2)
