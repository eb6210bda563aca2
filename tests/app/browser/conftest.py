"""A real Chromium on a real installation: `mouth serve` with its Redis, workers and beat."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    message = "no Chromium is installed: the browser tests cannot run"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def browser_type_launch_args(chromium: str) -> dict[str, Any]:
    return {"executable_path": chromium, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def base_url(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a whole installation with an empty var folder, shared by all tests."""
    folder = tmp_path_factory.mktemp("installation")
    address = f"http://127.0.0.1:{_free_port()}"
    environment = {
        **os.environ,
        "VAR_DIR": str(folder / "var"),
        "PORT": address.rpartition(":")[2],
        "SEGMENT_SECONDS": "2",
    }
    with (folder / "log").open("w") as log:
        stack = subprocess.Popen(
            [sys.executable, "-m", "cli", "serve"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(address, stack, folder / "log")
        yield address
    finally:
        stack.send_signal(signal.SIGTERM)
        stack.wait(timeout=60)


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page on which any error of our scripts fails the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(15_000)
    yield page
    assert errors == []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str, stack: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            if stack.poll() is not None:
                pytest.fail(f"The installation did not start:\n{log.read_text()}")
            try:
                stack.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
    pytest.fail(f"The installation did not answer in a minute:\n{log.read_text()}")
