"""Weights that were asked for on the page arrive, or it is said why not."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from jobs import downloads
from jobs.database import Database
from jobs.records import Download
from media.errors import NamedError
from workers import downloader
from workers.downloader import download_next

WEIGHTS = np.random.default_rng(0).bytes(3_000_000)


class Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A test's output is its result."""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A folder that a web server shows; its address is in `manifest`."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "weights.pth").write_bytes(WEIGHTS)

    def serve(*request: object) -> Files:
        return Files(*request, directory=str(folder))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        (folder / "port").write_text(str(server.server_port))
        yield folder
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the weights go; the list of weights is our own."""
    address = f"http://127.0.0.1:{(source / 'port').read_text()}/weights.pth"
    entry = {
        "architecture": "wav2lip",
        "file": "weights.pth",
        "bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
        "licence": "free",
        "url": address,
        "note": "Small.",
    }
    entries = {"small": entry, "sold": {**entry, "file": "sold.pth", "url": None}}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(entries))
    monkeypatch.setenv("MOUTH_MANIFEST", str(manifest))
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "weights"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/mouth.db")
    database.migrate()
    return database


def state(database: Database) -> Download:
    return downloads.by_name(database)["small"]


def test_what_is_asked_for_arrives_and_is_not_fetched_again(
    database: Database, folder: Path
) -> None:
    assert not download_next(database)
    downloads.request(database, "small")
    downloads.request(database, "small")
    assert state(database).state == "waiting"
    assert download_next(database)
    assert not download_next(database)
    assert (folder / "weights.pth").read_bytes() == WEIGHTS
    assert (state(database).state, state(database).error) == ("done", None)


def test_progress_is_told_in_bytes(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloader, "REPORT_SECONDS", 0.0)
    downloads.request(database, "small")
    download_next(database)
    assert (state(database).done, state(database).total) == (len(WEIGHTS), len(WEIGHTS))


def test_a_cancelled_one_stops_and_is_continued_later(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloader, "REPORT_SECONDS", 0.0)
    report = downloader._DownloadProgress.__call__

    def impatient(self: downloader._DownloadProgress, done: int, total: int | None) -> None:
        if done:
            downloads.cancel(database, "small")
        report(self, done, total)

    monkeypatch.setattr(downloader._DownloadProgress, "__call__", impatient)
    downloads.request(database, "small")
    assert download_next(database)
    assert state(database).state == "cancelled"
    kept = (folder / "weights.pth.part").stat().st_size
    assert 0 < kept < len(WEIGHTS)
    monkeypatch.setattr(downloader._DownloadProgress, "__call__", report)
    downloads.request(database, "small")
    download_next(database)
    assert (folder / "weights.pth").read_bytes() == WEIGHTS


def test_other_content_is_named(database: Database, folder: Path, source: Path) -> None:
    (source / "weights.pth").write_bytes(b"<html>Moved</html>")
    downloads.request(database, "small")
    download_next(database)
    assert state(database).state == "failed"
    assert state(database).error["code"] == "checkpoint-corrupt"
    assert not list(folder.iterdir())


def test_an_address_that_does_not_answer_is_named_and_asking_again_forgets_it(
    database: Database, folder: Path, source: Path
) -> None:
    (source / "weights.pth").unlink()
    downloads.request(database, "small")
    download_next(database)
    assert state(database).error["code"] == "download-failed"
    downloads.request(database, "small")
    assert (state(database).state, state(database).error) == ("waiting", None)


def test_what_a_killed_process_began_is_taken_up_when_its_lease_is_over(
    database: Database, folder: Path
) -> None:
    downloads.request(database, "small")
    assert downloader._claim(database) is not None
    assert not download_next(database), "somebody is at it"
    with database.write() as session:
        session.get_one(Download, "small").lease_until = time.time() - 1
    assert download_next(database)
    assert state(database).state == "done"


@pytest.mark.parametrize("name", ["sold", "unknown"])
def test_what_nobody_offers_cannot_be_asked_for(
    database: Database, folder: Path, name: str
) -> None:
    with pytest.raises(NamedError) as error:
        downloads.request(database, name)
    assert error.value.code == "checkpoint-missing"
    assert downloads.by_name(database) == {}
