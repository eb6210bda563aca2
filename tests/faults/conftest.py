"""Workers in a world that misbehaves."""

import errno
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.choices import VoiceChoice
from tests.faults.campaign import Recipe
from tests.faults.material import recipes
from tests.faults.program import free_port
from tests.stack import Stack

EVERYTHING = ("redis", "light", "engine", "beat")


class World(Stack):
    """The processes of the Procfile, and what befalls them."""

    def __init__(self, folder: Path, **environment: str) -> None:
        own = {
            "VAR_DIR": str(folder / "var"),
            "FAULTS": str(folder / "faults"),
            "SEGMENT_SECONDS": "0.2",
            "LEASE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "HOST": "127.0.0.1",
            "PORT": str(free_port()),
            **environment,
        }
        self.address = f"http://{own['HOST']}:{own['PORT']}"
        self._faults = folder / "faults"
        self.suffer()
        super().__init__(own, folder / "log")
        self._commands = {
            name: re.sub(r"-m (celery|gunicorn) ", r"-m tests.faults.faulty \1 ", command)
            for name, command in self._commands.items()
        }
        self.recipes = recipes(folder)

    def suffer(self, **faults: Any) -> None:
        """What misbehaves from now on; nothing without arguments."""
        draft = self._faults.with_suffix(".draft")
        draft.write_text(json.dumps(faults))
        draft.replace(self._faults)

    def new_job(self, recipe: Recipe, times: int = 1) -> str:
        """A job in which the recipe's voice is heard so many times."""
        source = self.jobs.create_upload("me", recipe.face, "face")
        voice = self.jobs.create_upload("me", recipe.voice, "voice")
        voices = [VoiceChoice(voice.id, 1, start=float(n)) for n in range(times)]
        return self.jobs.create_job("me", source.id, voices, recipe.options).id

    def error(self, job_id: str) -> str | None:
        """The code of a job's error."""
        error = self.jobs.job(job_id).error
        return error and str(error["code"])


@pytest.fixture
def settings() -> dict[str, str]:
    """More settings of the world, for a test to say."""
    return {}


@pytest.fixture
def world(tmp_path: Path, settings: dict[str, str]) -> Iterator[World]:
    made = World(tmp_path, **settings)
    yield made
    made.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real one, of 2 MB, where this may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip(
            "nobody may mount anything here; the tests with errors in their place show the same"
        )
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(path: Path) -> None:
    """Take all the room that a disk has left."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
