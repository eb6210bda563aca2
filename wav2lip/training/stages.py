"""What trainings of several stages share: each stage is a run of its own, on one report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from wav2lip import weights
from wav2lip.training import dataset
from wav2lip.training.config import ValidatedConfig
from wav2lip.training.loop import Learner, Training
from wav2lip.training.report import Report

C = TypeVar("C", bound=ValidatedConfig)


@dataclass(frozen=True)
class Stages(Generic[C]):
    """A training whose stages lie in folders of `folder`."""

    folder: Path
    config: C
    described: Mapping[str, Any]  # what tells it from other trainings
    split: dataset.Split
    device: str
    report: Report

    def training(
        self,
        stage: str,
        steps: int,
        learners: Mapping[str, Learner],
        described: Mapping[str, Any],
        config: C | None = None,
    ) -> Training:
        """The run of a stage, begun or resumed.

        `described` adds to what tells it from other runs; `config` replaces that of all stages.
        """
        return Training(
            self.folder / stage,
            config or self.config,
            steps,
            learners,
            self.report,
            {**self.described, "steps": steps, **described},
        )

    @property
    def people(self) -> str:
        """Who it is validated on: "unseen" or "learned" persons."""
        return "unseen" if self.split.unseen else "learned"


def description(config: ValidatedConfig, split: dataset.Split) -> dict[str, Any]:
    """What is written of a training into its result: its configuration and how many clips."""
    start = Path(config.start).name if config.start else None
    return {**asdict(config), "clips": len(split.train), "start": start}


def starting_weights(start: str | None) -> dict[str, Any] | None:
    """What a file to go on from holds, or the compact checkpoint of a name; None without a start.

    Raises NamedError `checkpoint-missing` or `checkpoint-unsuitable` for a name.
    """
    if start is None:
        return None
    path = Path(start) if Path(start).is_file() else compact_checkpoint(start)
    return torch.load(path, weights_only=True, map_location="cpu")


def compact_checkpoint(name: str) -> Path:
    """The file of a compact checkpoint, by its name or path.

    Raises NamedError `checkpoint-missing`, `checkpoint-corrupt` or `checkpoint-unsuitable`.
    """
    remedy = "Go on from `compact`, or fine-tune these with `mouth train generator`."
    return weights.locate_only(name, "compact", f"{name} holds no compact weights.", remedy)


def mouth_shape_unit(begun: dict[str, Any] | None, split: dataset.Split) -> np.ndarray:
    """The unit of mouth shapes, (8,) float32: that of the weights to go on from, so that voice nets
    and renderer still understand each other, else of the clips.
    """
    return begun["unit"].numpy() if begun else dataset.mouth_shape_unit(split.train)
