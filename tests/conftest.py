"""Material that tests of several packages share, all of it ours or in the public domain."""

import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from benchmarks.material import SAMPLE_VOICE
from media.assemble import concatenate
from media.pictures import read_picture, write_picture
from media.sound import read_sound
from media.video_writer import VideoWriter

pytest_plugins = ["tests.stack"]

TESTS = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Nothing has to be quick where processes that test side by side share the processors; so do
    those that they start.
    """
    hypothesis.settings.register_profile(
        "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("patient")
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # All must find the same tests in the same order, whatever set their parameters come from.
        os.environ.setdefault("PYTHONHASHSEED", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for whole programs comes first, so that processes side by side end together."""
    items.sort(key=lambda item: not item.path.is_relative_to(TESTS / "workers"))
    items.sort(key=lambda item: not item.path.is_relative_to(TESTS / "faults"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Tell by which signal a process of tests has ended that should not have."""
    if error:
        ended = node.gateway._io.popen.wait()
        node.config.get_terminal_writer().line(f"\n{node.gateway.id} ended with {ended}")


@pytest.fixture(autouse=True)
def own_var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the jobs of the person who runs it."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))


@pytest.fixture(scope="session")
def astronaut_file() -> Path:
    """A photograph of one real face, 512x512."""
    import skimage

    return Path(skimage.__file__).parent / "data" / "astronaut.png"


@pytest.fixture(scope="session")
def two_faces_file(tmp_path_factory: pytest.TempPathFactory, astronaut_file: Path) -> Path:
    """The photograph and its mirror image side by side, 1024x512."""
    left = read_picture(astronaut_file)
    path = tmp_path_factory.mktemp("faces") / "two.png"
    write_picture(path, np.concatenate([left, left[:, ::-1]], axis=1))
    return path


@pytest.fixture(scope="session")
def short_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.6 s of the sample voice: enough to move a mouth."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    rate = 16000
    words = read_sound(SAMPLE_VOICE, rate)[round(2.8 * rate) :][: round(0.6 * rate)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((20000 * words).astype("<i2").tobytes())
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, astronaut_file: Path) -> Path:
    """Two seconds at 25 frames a second: a face that drifts to the right."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    face = read_picture(astronaut_file)[:300, 80:380]
    with VideoWriter(path, 300, 300, Fraction(25)) as writer:
        for shift in range(50):
            writer.write(np.roll(face, shift, axis=1))
    return path


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory, astronaut_file: Path) -> Path:
    """A picture of two faces: the astronaut, and her mirror image to the right of her."""
    path = tmp_path_factory.mktemp("pair") / "pair.png"
    face = read_picture(astronaut_file)[:300, 80:380]
    write_picture(path, np.hstack([face, face[:, ::-1]]))
    return path


@pytest.fixture
def video(tmp_path: Path, short_voice: Path) -> Path:
    """0.6 s of a moving gradient, 96x64, with sound."""
    segment, made = tmp_path / "segment.mp4", tmp_path / "made.mp4"
    ramp = np.linspace(0, 200, 96, dtype=np.uint8)
    with VideoWriter(segment, 96, 64, Fraction(25)) as writer:
        for step in range(15):
            writer.write(np.repeat(np.tile(np.roll(ramp, step), (64, 1))[..., None], 3, 2))
    concatenate([segment], short_voice, made, Fraction(25), 15)
    segment.unlink()
    return made


@pytest.fixture
def kill_when_reached() -> Callable[[Path, Path], None]:
    """Run a script until it writes "here" to a pipe, kill it, and wait until nobody has the pipe
    open any more: its workers end with it.
    """

    def run(script: Path, pipe: Path) -> None:
        process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
        with pipe.open() as reached:
            assert reached.read(4) == "here"
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert reached.read() == ""

    return run
