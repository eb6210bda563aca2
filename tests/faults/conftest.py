"""Workers in a world that misbehaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.choices import VoiceChoice
from tests.faults.campaign import Recipe
from tests.faults.material import recipes
from tests.workers.conftest import Stack

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
            **environment,
        }
        self._faults = folder / "faults"
        self.suffer()
        super().__init__(own, folder / "log")
        self._commands = {
            name: command.replace("celery ", "python -m tests.faults.faulty ")
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
