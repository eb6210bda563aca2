"""A process pool whose workers do not outlive this process."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any


@contextmanager
def working(
    processes: int, begin: Callable[..., object] | None = None, *what: Any
) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned `processes`, each initialised by `begin(*what)`.

    Workers ignore Ctrl-C: the tasks that run are finished, the others cancelled. When this process
    is killed its workers end at once; those of a usual pool would wait for ever.
    """
    # A forked child would inherit locks held by torch's threads.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (begin, what))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[..., object] | None, what: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if begin:
        begin(*what)


def _end_with_parent() -> None:
    if parent := parent_process():
        wait([parent.sentinel])
        os._exit(1)
