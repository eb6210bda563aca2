"""Stages of a pipeline in threads: read the next batch, work on several, write the last one.

Decoding, the networks and encoding release Python's lock, so threads use all cores. Each thread
holds one item, which bounds what is in memory.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


def prefetch(items: Iterator[T]) -> Generator[T, None, None]:
    """`items`, none of which may be None, each made while the one before it is worked on.

    An exception of `items` is raised in its place. Closed early, it waits for the item being made.
    """
    with ThreadPoolExecutor(1, "prefetch") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def parallel_map(
    work: Callable[[T], Result],
    items: Iterable[T],
    threads: int,
    initializer: Callable[[], None],
) -> Generator[Result, None, None]:
    """`work(item)` of each item, in order; as many at the same time as there are `threads`.

    Every thread calls `initializer` first. An exception of `work` is raised in its result's place.
    """
    with ThreadPoolExecutor(threads, "worker", initializer=initializer) as workers:
        coming: deque[Future[Result]] = deque()
        for item in items:
            coming.append(workers.submit(work, item))
            if len(coming) == threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@contextmanager
def writer_thread(write: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """A function that lets a thread `write` an item; it first waits for the item before.

    An exception of `write` is raised by the next call, or at the end of the block.
    """
    done: Future[None] | None = None

    def submit(item: T) -> None:
        nonlocal done
        if done is not None:
            done.result()
        done = writer.submit(write, item)

    with ThreadPoolExecutor(1, "writer") as writer:
        yield submit
        if done is not None:
            done.result()
