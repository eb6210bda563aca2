"""What several commands say and ask in the same words: options, progress, common refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from media.probe import NOTES, MediaInfo
from rendering.options import LARGEST_SIDE
from rendering.progress import Progress

if TYPE_CHECKING:
    from jobs.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


def flag(name: str, doc: str) -> Callable[..., Any]:
    return click.option(name, is_flag=True, help=doc)


def whole(name: str, low: int, high: int, metavar: str, doc: str) -> Callable[..., Any]:
    return click.option(name, type=click.IntRange(low, high), metavar=metavar, help=doc)


def four(
    name: str, kind: click.ParamType, metavar: str, doc: str, **more: Any
) -> Callable[..., Any]:
    return click.option(name, type=kind, nargs=4, default=None, metavar=metavar, help=doc, **more)


def changes_source(command: Callable[..., None]) -> Callable[..., None]:
    """Add what changes the source, and how faces are looked for in it."""
    for option in (
        whole("--face-det-batch-size", 1, 256, "N", "Frames searched at a time."),
        flag("--static", "Look for faces in the first frame only."),
        flag("--still", "Use only the first frame of a video."),
        four(
            "--crop",
            click.IntRange(-1, LARGEST_SIDE),
            "T B L R",
            "Keep rows T to B, columns L to R; -1 is the end.",
        ),
        flag("--rotate", "Turn by 90 degrees, clockwise."),
        whole("--resize-factor", 1, 32, "K", "Shrink K times."),
    ):
        command = option(command)
    return command


def check_overwrites_none(output: Path, *inputs: Path) -> None:
    """Raises click.UsageError for an `output` that is one of the `inputs`."""
    if output.exists() and any(output.samefile(each) for each in inputs):
        raise click.UsageError(
            f"{output} is read, and would be lost by what is made of it. Choose another name for "
            "the result."
        )


def tell_notes(info: MediaInfo) -> None:
    """Say on stderr what is done to a source before anything else."""
    for note in info.notes:
        click.echo(NOTES[note], err=True)


def settings_now() -> "Settings":
    """Raises NamedError `bad-setting`."""
    from jobs.settings import from_environment

    return from_environment()


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
