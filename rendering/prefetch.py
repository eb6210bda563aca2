"""Reading ahead, drawing beside, writing behind: the machine's cores work on several batches at the
same time.

Decoding, the networks and encoding are all outside Python, and so threads are enough. Each thread
has one thing in hand, which bounds what is in memory.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Made = TypeVar("Made")


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """`items`, none of which may be None, each made while the one before it is worked on.

    What they raise is raised in its place. Closed early, it waits for the one being made.
    """
    with ThreadPoolExecutor(1, "ahead") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def beside(
    work: Callable[[T], Made], items: Iterable[T], threads: int, begin: Callable[[], None]
) -> Iterator[Made]:
    """What `work` makes of each item, in order, of so many at the same time.

    Every thread calls `begin` before anything else. What `work` raises is raised in its place.
    """
    with ThreadPoolExecutor(threads, "beside", initializer=begin) as workers:
        coming: deque[Future[Made]] = deque()
        for item in items:
            coming.append(workers.submit(work, item))
            if len(coming) == threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@contextmanager
def behind(work: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """A function that hands a thing over to `work`, which is done with one before it gets the next.

    What `work` raises is raised by the next call, or at the end of the block.
    """
    done: Future[None] | None = None

    def hand_over(item: T) -> None:
        nonlocal done
        if done is not None:
            done.result()
        done = writer.submit(work, item)

    with ThreadPoolExecutor(1, "behind") as writer:
        yield hand_over
        if done is not None:
            done.result()
