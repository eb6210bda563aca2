"""What this installation works with, found out without loading any of it."""

from dataclasses import dataclass

import checkpoints
from jobs.settings import Settings

GENERATORS = ("compact", "wav2lip")


@dataclass(frozen=True)
class System:
    """The face detector and the lip-sync checkpoint used when a job names none."""

    detector: str
    checkpoint: str


def system(settings: Settings) -> System:
    automatic = "s3fd" if checkpoints.get("s3fd").present else "dlib"
    return System(settings.detector or automatic, settings.checkpoint)


def generators() -> list[checkpoints.Checkpoint]:
    """The checkpoints that can move a mouth; those not on this machine are not `present`."""
    return [each for each in checkpoints.all() if each.architecture in GENERATORS]
