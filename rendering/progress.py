"""How work tells how far it is, and learns that it is not wanted any more."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Cancelled(Exception):
    """The result is not wanted any more."""


class Progress:
    """What a step reports to, and asks whether to go on.

    This one tells nobody and never cancels; a terminal's bar and a job's lease do more.
    """

    def advance(self, frames: int) -> None:
        """Take note that `frames` more frames are done."""

    def is_cancelled(self) -> bool:
        """Whether the work is to stop."""
        return False

    def check(self) -> None:
        """Raise `Cancelled` if the work is to stop."""
        if self.is_cancelled():
            raise Cancelled

    def checked(self, items: Iterable[T]) -> Iterator[T]:
        """`items`, with a check after each is made and before it is given. Raises `Cancelled`."""
        for item in items:
            self.check()
            yield item


SILENT = Progress()
