"""A real Chromium on a real installation: `mouth serve` with its Redis, workers and beat."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app import sample
from media.video import read_frames
from media.video_writer import VideoWriter

from .published import Publisher

# Milliseconds, on a busy machine, until what does not come true is a failure.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP mouth.test 127.0.0.1",  # a name, over plain http
    # A microphone that beeps every second, and is allowed without a question.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
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
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the installation behind `base_url` keeps its files: its folder `var`."""
    return tmp_path_factory.mktemp("installation")


@pytest.fixture(scope="session")
def publisher() -> Iterator[Publisher]:
    """Somebody who publishes weights that the installation can fetch."""
    with Publisher() as publisher:
        yield publisher
        publisher.open.set()
        publisher.shutdown()


@pytest.fixture(scope="session")
def base_url(chromium: str, installation: Path, publisher: Publisher) -> Iterator[str]:
    """The address of a whole installation with an empty var folder, shared by all tests."""
    folder = installation
    address = f"http://127.0.0.1:{_free_port()}"
    environment = {
        **os.environ,
        "VAR_DIR": str(folder / "var"),
        "MOUTH_MANIFEST": str(publisher.manifest(folder / "manifest.json")),
        "MOUTH_CHECKPOINTS": str(folder / "weights"),
        "no_proxy": "127.0.0.1",
        "PORT": address.rpartition(":")[2],
        "SEGMENT_SECONDS": "2",
        "ALLOWED_HOSTS": "mouth.test",
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


class Mortal:
    """A web server alone, which can be killed and comes back at the same address."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.settings = settings
        self.address = f"http://127.0.0.1:{_free_port()}"

    def start(self) -> None:
        bind = self.address.removeprefix("http://")
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--config",
            "python:app.server",
            "--bind",
            bind,
        ]
        log = self.folder / "log"
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [*command, "app:create_app()"],
                env={**os.environ, "VAR_DIR": str(self.folder / "var"), **self.settings},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait_for(self.address, self.process, log)

    def kill(self) -> None:
        """End it as a power cut would, with all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=60)


@pytest.fixture
def mortal(chromium: str, tmp_path: Path) -> Iterator[Mortal]:
    server = Mortal(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def slow() -> Callable[[Page], None]:
    """Let a page send 4 MB a second and no more."""

    def slow(page: Page) -> None:
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": 4_000_000}
        connection = page.context.new_cdp_session(page)
        connection.send("Network.enable")
        connection.send("Network.emulateNetworkConditions", {"offline": False, **conditions})

    return slow


@pytest.fixture(scope="session")
def long_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone of 140 s that swells every second; 13.4 MB, three pieces of a transfer and a bit."""
    rate = 48000
    time = np.arange(140 * rate) / rate
    wave_form = 12000 * np.sin(2 * np.pi * 180 * time) * np.sin(np.pi * time) ** 2
    path = tmp_path_factory.mktemp("voices") / "Long story.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(wave_form.astype("<i2").tobytes())
    return path


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page on which any error of our scripts fails the test."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(PATIENCE)
    yield page
    assert errors == []


@pytest.fixture
def give(page: Page) -> Callable[..., None]:
    """Fill in the start page and send it: `give(face, voice, another_voice, ...)`."""

    def give(face: Path, *voices: Path) -> None:
        page.goto("/")
        page.get_by_label("Choose a file or drop a picture").set_input_files(face)
        for place, voice in enumerate(voices):
            if place:
                page.get_by_role("button", name="Add another voice").click()
            page.get_by_label("Choose a file or drop a recording").nth(place).set_input_files(voice)
        page.get_by_label("I may use this face and this voice").check()
        page.get_by_role("button", name="Animate").click()
        page.wait_for_url(re.compile(r"/jobs/[0-9a-f]{32}$"))

    return give


@pytest.fixture(scope="session")
def two_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut and, at her left, her mirror image: 640x300 pixels."""
    with Image.open(sample.sample_face()) as picture:
        face = np.asarray(picture.convert("RGB"))[0:300, 64:384]
    path = tmp_path_factory.mktemp("faces") / "Two of us.png"
    Image.fromarray(np.concatenate([face, face[:, ::-1]], axis=1)).save(path)
    return path


@pytest.fixture(scope="session")
def no_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture without a face, 400x300."""
    path = tmp_path_factory.mktemp("faces") / "sky.png"
    Image.new("RGB", (400, 300), (120, 160, 220)).save(path)
    return path


@pytest.fixture(scope="session")
def moving_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.4 s of the astronaut, sliding sideways, 320x300 at 25 frames a second."""
    with Image.open(sample.sample_face()) as picture:
        wide = np.asarray(picture.convert("RGB"))[0:300, 54:394]
    path = tmp_path_factory.mktemp("faces") / "sliding.mp4"
    with VideoWriter(path, 320, 300, Fraction(25)) as writer:
        for step in range(10):
            writer.write(np.ascontiguousarray(wide[:, 2 * step : 2 * step + 320]))
    return path


@pytest.fixture
def change() -> Callable[[Path, Path, list[float]], float]:
    """How far a video's pixels in a box get from a picture's: the 99th percentile, 0..255."""

    def change(video: Path, picture: Path, box: list[float]) -> float:
        x1, y1, x2, y2 = (round(side) for side in box)
        with Image.open(picture) as image:
            still = np.asarray(image.convert("RGB")).astype(int)[y1:y2, x1:x2]
        changes = [np.abs(frame[y1:y2, x1:x2].astype(int) - still) for frame in read_frames(video)]
        return float(np.percentile(np.stack(changes), 99))

    return change


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
