"""What commands print beside their results, and the checks of the files that they write."""

from pathlib import Path

import click

from media.errors import NamedError
from media.probe import NOTES, MediaInfo
from rendering.progress import Progress


def check_output(output: Path, *inputs: Path, force: bool = False) -> None:
    """Raises click.UsageError for an `output` that is one of the `inputs`.

    And NamedError `output-exists` for one that is there already, unless `force` is given.
    """
    if not output.exists():
        return
    if any(output.samefile(each) for each in inputs):
        raise click.UsageError(
            f"{output} is read, and would be lost by what is made of it. Choose another name for "
            "the result."
        )
    if not force:
        raise NamedError(
            "output-exists",
            f"{output} exists already.",
            "Choose another name, or add --force to overwrite it.",
        )


class Console:
    """Notes and progress on stderr, or, if `quiet`, neither. `notes` are all that were told."""

    def __init__(self, quiet: bool = False) -> None:
        self.notes: list[str] = []
        self._quiet = quiet

    def note(self, text: str) -> None:
        self.notes.append(text)
        if not self._quiet:
            click.echo(text, err=True)

    def source_notes(self, info: MediaInfo) -> None:
        """How a source is converted before anything else."""
        for note in info.notes:
            self.note(NOTES[note])

    def progress(self, total: int, what: str) -> "ProgressBar":
        return ProgressBar(total, what, self._quiet)


class ProgressBar(Progress):
    """A bar on a terminal's stderr; `what` is being done to `total` frames."""

    def __init__(self, total: int, what: str, quiet: bool = False) -> None:
        from tqdm import tqdm

        hidden = True if quiet else None  # None: hidden where stderr is no terminal
        self._bar = tqdm(total=total, desc=what, unit="frame", disable=hidden)

    def advance(self, frames: int) -> None:
        self._bar.update(frames)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
