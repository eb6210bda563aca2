"""Nobody's files keep those of others waiting."""

import threading
from collections.abc import Iterator

import pytest

from media.turns import SMALL_BYTES, Turns


class Files:
    """Files in threads of their own, each of which holds its turn until it is told to end."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.begun: list[str] = []
        self.ends: dict[str, threading.Event] = {}
        self.threads: list[threading.Thread] = []
        self.changed = threading.Condition()

    def come(self, name: str, size: int) -> None:
        """Let a file wait, or begin; its client is the first letter of its name."""
        self.ends[name] = threading.Event()
        self.threads.append(threading.Thread(target=self._work, args=(name, size)))
        self.threads[-1].start()
        while self.turns.waiting + len(self.begun) < len(self.threads):
            threading.Event().wait(0.001)

    def _work(self, name: str, size: int) -> None:
        with self.turns.turn(name[0], size):
            with self.changed:
                self.begun.append(name)
                self.changed.notify_all()
            self.ends[name].wait()

    def end(self, name: str, begun: int) -> str:
        """End one; the name of that which has begun then, as the `begun`-th."""
        self.ends[name].set()
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= begun, timeout=60)
        return self.begun[begun - 1]


@pytest.fixture
def files() -> Iterator[Files]:
    files = Files(Turns(places=1))
    yield files
    for end in files.ends.values():
        end.set()
    for thread in files.threads:
        thread.join()


def test_clients_take_turns(files: Files) -> None:
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        files.come(name, SMALL_BYTES + 1)
    assert files.begun == ["a1"]
    order = [files.end(files.begun[-1], begun) for begun in range(2, 7)]
    assert order == ["b1", "c1", "a2", "b2", "a3"]


def test_a_small_file_passes_long_ones(files: Files) -> None:
    for name in ("a1", "a2"):
        files.come(name, SMALL_BYTES + 1)
    files.come("b1", 1000)
    with files.changed:
        assert files.changed.wait_for(lambda: len(files.begun) == 2, timeout=60)
    assert files.begun == ["a1", "b1"]
    files.come("b2", 1000)
    assert files.end("a1", 3) == "b2", "the place for small files alone is not for long ones"
