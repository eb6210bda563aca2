"""Downloads continue where they stopped, and end in the whole file or an error with a way out."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from checkpoints.fetch import fetch
from media.errors import NamedError

from .conftest import WEIGHTS


class Server(ThreadingHTTPServer):
    """Serves one file; may know no ranges, and may hang up after so many bytes of an answer."""

    content = WEIGHTS
    ranges = True
    hang_up_after: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/weights.pth"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        content, start = self.server.content, 0
        if wanted and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.server.hang_up_after])

    def log_message(self, format: str, *args: object) -> None:
        """A test's output is its result."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def part(folder: Path) -> Path:
    return folder / "weights.pth.part"


def test_weights_arrive_whole_and_progress_is_told(folder: Path, server: Server) -> None:
    told: list[tuple[int, int | None]] = []
    path = fetch("published", lambda done, total: told.append((done, total)), server.url)
    assert path == folder / "weights.pth"
    assert path.read_bytes() == WEIGHTS
    assert not part(folder).exists()
    assert told[0] == (0, len(WEIGHTS))
    assert told[-1] == (len(WEIGHTS), len(WEIGHTS))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_whole_weights_are_not_fetched_again(folder: Path, server: Server) -> None:
    fetch("published", url=server.url)
    fetch("published", url=server.url)
    assert len(server.asked) == 1


def test_damaged_weights_are_fetched_again(folder: Path, server: Server) -> None:
    folder.mkdir()
    (folder / "weights.pth").write_bytes(b"damaged")
    assert fetch("published", url=server.url).read_bytes() == WEIGHTS


def test_a_dropped_connection_is_taken_up_where_it_broke(folder: Path, server: Server) -> None:
    server.hang_up_after = 1_400_000
    assert fetch("published", url=server.url).read_bytes() == WEIGHTS
    assert server.asked == [None, "bytes=1400000-", "bytes=2800000-"]


def test_the_next_call_continues_what_the_last_one_left(folder: Path, server: Server) -> None:
    folder.mkdir()
    part(folder).write_bytes(WEIGHTS[:1_000_000])
    told: list[tuple[int, int | None]] = []
    fetch("published", lambda done, total: told.append((done, total)), server.url)
    assert server.asked == ["bytes=1000000-"]
    assert told[0] == (1_000_000, len(WEIGHTS))
    assert (folder / "weights.pth").read_bytes() == WEIGHTS


def test_a_server_that_knows_no_ranges_is_read_from_the_start(folder: Path, server: Server) -> None:
    server.ranges = False
    folder.mkdir()
    part(folder).write_bytes(WEIGHTS[:1_000_000])
    assert fetch("published", url=server.url).read_bytes() == WEIGHTS


def test_a_connection_that_always_breaks_ends_in_an_error_not_in_a_loop(
    folder: Path, server: Server
) -> None:
    server.ranges = False
    server.hang_up_after = 1_000_000
    with pytest.raises(NamedError, match="continues where it stopped") as error:
        fetch("published", url=server.url)
    assert error.value.code == "download-failed"
    assert part(folder).stat().st_size == 1_000_000


def test_a_part_that_is_already_whole_is_put_in_place(folder: Path, server: Server) -> None:
    folder.mkdir()
    part(folder).write_bytes(WEIGHTS)
    assert fetch("published", url=server.url).read_bytes() == WEIGHTS


@pytest.mark.parametrize("leftover", [b"x" * 1000, b"x" * (len(WEIGHTS) + 5)])
def test_a_part_of_another_file_is_thrown_away(
    folder: Path, server: Server, leftover: bytes
) -> None:
    folder.mkdir()
    part(folder).write_bytes(leftover)
    assert fetch("published", url=server.url).read_bytes() == WEIGHTS


def test_wrong_content_is_never_put_in_place(folder: Path, server: Server) -> None:
    server.content = b"<html>This model has moved</html>"
    with pytest.raises(NamedError) as error:
        fetch("published", url=server.url)
    assert error.value.code == "checkpoint-corrupt"
    assert list(folder.iterdir()) == []


def test_offline_the_error_names_the_address_and_the_place(folder: Path, server: Server) -> None:
    server.server_close()
    with pytest.raises(NamedError) as error:
        fetch("published", url=server.url)
    assert error.value.code == "download-failed"
    assert server.url in error.value.remedy
    assert str(folder / "weights.pth") in error.value.remedy


def test_weights_without_an_address_are_not_asked_for(folder: Path) -> None:
    with pytest.raises(NamedError) as error:
        fetch("unpublished")
    assert error.value.code == "checkpoint-missing"


def test_only_the_web_is_fetched_from(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(WEIGHTS)
    with pytest.raises(NamedError) as error:
        fetch("published", url=secret.as_uri())
    assert error.value.code == "download-failed"


def test_a_full_disk_is_named_before_anything_is_written(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkpoints.fetch._free_bytes", lambda where: 1_000)
    with pytest.raises(NamedError) as error:
        fetch("published", url=server.url)
    assert error.value.code == "disk-full"
    assert not part(folder).exists()
