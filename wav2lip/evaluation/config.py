"""What is asked of an evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from media.probe import content_hash
from wav2lip.evaluation.pairs import Pair

_checkpoint_hash = lru_cache(maxsize=8)(content_hash)


@dataclass(frozen=True)
class Config:
    """The clips, the sync experts, and the settings that decide what is measured."""

    pairs: list[Pair]
    folder: Path  # where measurements are kept, and the report is written
    experts: Mapping[str, Path] = field(default_factory=dict)  # files by the name that is shown
    frames: int = 400  # of one person, at most
    sheets: int = 12  # persons with a contact sheet, a player and a part of the reel
    seed: int = 0  # of the references of the reconstruction
    processes: int = 2
    device: str | None = None  # of torch; the best one if None
    precision: str = "auto"  # as of `wav2lip.load`

    def expert_keys(self) -> list[str]:
        """For each expert the name of its measurements: a hash of its file, whatever its name."""
        return [_checkpoint_hash(path)[:12] for path in self.experts.values()]
