"""An ordinary install: the wheel in an environment of its own makes a video and serves the page."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from media.probe import probe
from tests.faults.program import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 300  # seconds, on a busy machine, for a single command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy of the sources, since a build leaves its traces there."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "var", "tests")
    shutil.copytree(ROOT, source, ignore=ignored, dirs_exist_ok=True)
    (source / "checkpoints" / "fetched.pth").write_bytes(b"weights that somebody fetched")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(source))
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a new environment: the wheel, and what this one has installed.

    Of this one only the packages are seen: lines of `.pth` files count in an environment's own
    folder alone, so the editable install of the checkout is out of sight.
    """
    folder = tmp_path_factory.mktemp("installed") / "a place with spaces"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    pip("--python", str(python), "install", "--no-deps", str(wheel))
    # Only now: pip must not take the program for installed because this environment has it.
    Path(site, "locked.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A folder that is not ours to stand in, with packages called like ours, and the environment
    of a user who has set nothing.
    """
    for name in ("app", "media", "workers"):
        (tmp_path / "here" / name).mkdir(parents=True)
        (tmp_path / "here" / name / "__init__.py").write_text("raise ImportError('not this one')")
    monkeypatch.chdir(tmp_path / "here")
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    return {**kept, "HOME": str(tmp_path), "PORT": str(free_port())}


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, env={**os.environ, "PIP_NO_INDEX": "1"})


def test_the_wheel_has_all_that_is_ours_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("only a clone of the repository knows which files are ours")
    ours = {name for name in listed.stdout.decode().split("\0") if (ROOT / name).is_file()}
    outside = {"benchmarks", "docs", "tests", ".ci"}
    expected = {name for name in ours if "/" in name and name.split("/")[0] not in outside}
    assert names == {*expected, "cli.py"}


def test_it_makes_a_video_in_any_folder(
    installed: Path, elsewhere: dict[str, str], astronaut_file: Path, short_voice: Path
) -> None:
    code = "import cli, wav2lip; print(cli.__file__); print(wav2lip.__file__)"
    python = [installed / "python", "-P", "-c", code]
    places = subprocess.check_output(python, env=elsewhere, text=True).splitlines()
    assert all(Path(place).is_relative_to(installed.parent) for place in places), places
    subprocess.run(
        [installed / "mouth", "animate", astronaut_file, short_voice, "-o", "talking.mp4"],
        env=elsewhere, check=True, timeout=PATIENCE,
    )  # fmt: skip
    made = probe(Path("talking.mp4"))
    assert (made.width, made.height) == (512, 512)


def test_it_serves_the_page_from_any_folder(
    installed: Path, elsewhere: dict[str, str], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [installed / "mouth", "serve"], env=elsewhere, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as program:  # fmt: skip
        try:
            assert program.stdout
            lines = []
            for line in iter(program.stdout.readline, ""):
                lines.append(line)
                if "is ready: " in line:
                    break
            assert "is ready: " in lines[-1], "".join(lines)
            address = f"http://127.0.0.1:{elsewhere['PORT']}"
            for path in ("/", "/healthz", "/static/start.js", "/api/v1/openapi.json"):
                assert status(address + path) == 200
            deadline = time.monotonic() + PATIENCE
            while status(f"{address}/readyz") != 200:  # the workers come a little later
                assert time.monotonic() < deadline, "".join(lines)
                threading.Event().wait(0.2)
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(PATIENCE)
    assert (tmp_path / ".local" / "share" / "mouth-animation" / "var" / "redis").is_dir()
    assert sorted(path.name for path in Path().iterdir()) == ["app", "media", "workers"]


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
