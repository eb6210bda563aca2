"""Whose file is looked into next: clients take turns, and small files pass long ones."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SMALL_BYTES = 16 * 1024**2  # a file of less is looked into at once, or nearly so


@dataclass(frozen=True, eq=False)
class _Waiter:
    client: str
    is_small: bool


class Turns:
    """`places` for any files, and one more for small ones.

    Of those that wait, the client that has the fewest at work is next, then the one that was not
    served for the longest time, and of its files the one that came first.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: list[_Waiter] = []
        self._at_work: Counter[str] = Counter()
        self._served: dict[str, int] = {}  # the number of the last turn of those that wait
        self._turn = 0
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @contextmanager
    def turn(self, client: str, size: int) -> Iterator[None]:
        """Wait for the turn of a client's file of `size` bytes, and hold it."""
        waiter = _Waiter(client, size <= SMALL_BYTES)
        with self._changed:
            self._waiting.append(waiter)
            try:
                self._changed.wait_for(lambda: self._next() is waiter)
                self._turn += 1
                self._at_work[client] += 1
                self._served[client] = self._turn
            finally:
                self._waiting.remove(waiter)
                self._forget()
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._at_work[client] -= 1
                self._forget()
                self._changed.notify_all()

    def _next(self) -> _Waiter | None:
        busy = self._at_work.total()
        able = [each for each in self._waiting if busy < self._places + (1 if each.is_small else 0)]
        # min() takes the first of equals.
        return min(
            able,
            key=lambda each: (self._at_work[each.client], self._served.get(each.client, 0)),
            default=None,
        )

    def _forget(self) -> None:
        self._at_work = +self._at_work
        here = {each.client for each in self._waiting} | set(self._at_work)
        self._served = {name: turn for name, turn in self._served.items() if name in here}
