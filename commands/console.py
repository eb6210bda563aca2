"""What commands print beside their results, and the check that they overwrite no input."""

from pathlib import Path

import click

from media.probe import NOTES, MediaInfo
from rendering.progress import Progress


def check_overwrites_none(output: Path, *inputs: Path) -> None:
    """Raises click.UsageError for an `output` that is one of the `inputs`."""
    if output.exists() and any(output.samefile(each) for each in inputs):
        raise click.UsageError(
            f"{output} is read, and would be lost by what is made of it. Choose another name for "
            "the result."
        )


def print_notes(info: MediaInfo) -> None:
    """Print on stderr how a source is converted before anything else."""
    for note in info.notes:
        click.echo(NOTES[note], err=True)


class ProgressBar(Progress):
    """A bar on a terminal's stderr; `what` is being done to `total` frames."""

    def __init__(self, total: int, what: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=what, unit="frame", disable=None)

    def advance(self, frames: int) -> None:
        self._bar.update(frames)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
