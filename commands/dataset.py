"""`mouth dataset`: from raw footage to faces and lists that a network can be trained on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from commands.options import flag
from commands.param_types import FILE, FOLDER, NEW_FOLDER
from wav2lip.param_types import DEVICE, SYNC_EXPERT, FiniteRange

SOURCE = click.Path(exists=True, path_type=Path)
SECONDS = FiniteRange(0, min_open=True)
TOLERANCE = FiniteRange(0, 2)  # the distance between two faces


def processes(command: Callable[..., None]) -> Callable[..., None]:
    count = max((os.cpu_count() or 2) // 2, 1)
    option = click.option(
        "--processes",
        type=click.IntRange(1),
        default=count,
        show_default="half of the cores",
        metavar="N",
        help="How many clips are worked on at a time.",
    )
    return option(command)


def photographs(required: bool) -> Callable[..., Any]:
    return click.option(
        "--person",
        "persons",
        type=FILE,
        multiple=True,
        required=required,
        metavar="PHOTO",
        help="A photograph of the person of the clips; may be given several times.",
    )


@click.group()
def dataset() -> None:
    """Make training data from raw footage, step by step.

    Each step reads one folder and fills another, reports what it dropped and why (report.html
    there), and continues where it was when started again.
    """


@dataset.command()
@click.argument("footage", type=SOURCE)
@click.argument("clips", type=NEW_FOLDER)
@click.option(
    "--silence-db",
    type=FiniteRange(-120, 0),
    default=-40.0,
    show_default=True,
    help="What is quieter is silence.",
)
@click.option(
    "--silence-ms",
    type=click.IntRange(1),
    default=400,
    show_default=True,
    help="How long silence must last.",
)
@click.option(
    "--longest",
    type=SECONDS,
    default=10.0,
    show_default=True,
    help="Cut what has more seconds ...",
)
@click.option(
    "--piece", type=SECONDS, default=5.0, show_default=True, help="... into pieces of this length."
)
@click.option(
    "--shortest",
    type=SECONDS,
    default=1.0,
    show_default=True,
    help="Drop what has fewer seconds.",
)
@processes
def clips(footage: Path, clips: Path, processes: int, **cutting: Any) -> None:
    """Cut raw FOOTAGE, a file or a folder, into CLIPS at silences."""
    from dataset.clips import CutOptions, main

    click.echo(main(footage, clips, CutOptions(**cutting), processes).summary())


@dataset.command()
@click.argument("clips", type=FOLDER)
@click.argument("out", type=NEW_FOLDER)
@click.option(
    "--region",
    type=click.IntRange(0),
    nargs=4,
    metavar="X Y W H",
    help="Left, top, width, height.",
)
@click.option("--half", type=click.Choice(["left", "right", "top", "bottom"]))
@processes
def crop(
    clips: Path, out: Path, region: tuple[int, int, int, int] | None, half: Any, processes: int
) -> None:
    """Crop all CLIPS to a region of the picture: one of two speakers side by side."""
    from dataset.crop import main

    if (region is None) == (half is None):
        raise click.UsageError("Give either --region or --half.")
    click.echo(main(clips, out, region or half, processes).summary())


@dataset.command()
@click.argument("clips", type=FOLDER)
@click.argument("out", type=NEW_FOLDER)
@photographs(required=True)
@click.option(
    "--tolerance", type=TOLERANCE, default=0.5, show_default=True, help="Smaller is stricter."
)
@processes
def keep(clips: Path, out: Path, persons: tuple[Path, ...], **how: Any) -> None:
    """Keep only the CLIPS in which a known face is visible throughout."""
    from dataset.keep import main

    click.echo(main(clips, out, list(persons), **how).summary())


@dataset.command()
@click.argument("clips", type=FOLDER)
@click.argument("out", type=NEW_FOLDER)
@click.option(
    "--expert",
    type=SYNC_EXPERT,
    metavar="CHECKPOINT",
    help="Judge with this sync expert, a name or a file, and not with `compact`.",
)
@click.option("--fit", type=FiniteRange(), help="Lowest correlation for a clip of one second.")
@click.option("--margin", type=FiniteRange(), help="By how much other lags must fit less.")
@flag("--by-folder", "One lag for all clips of a folder, as from one recording.")
@processes
def sync(clips: Path, out: Path, expert: str | None, **how: Any) -> None:
    """Measure the audio-video offset of CLIPS, and correct it; or drop the clip."""
    from dataset.sync import main
    from wav2lip.evaluation.expert import locate

    judge = locate(expert) if expert else None
    click.echo(main(clips, out, judge, **how).summary())


@dataset.command()
@click.argument("clips", type=FOLDER)
@click.argument("prepared", type=NEW_FOLDER)
@photographs(required=False)
@click.option(
    "--tolerance", type=TOLERANCE, default=0.5, show_default=True, help="Smaller is stricter."
)
@click.option("--lists", type=FOLDER, help="Holds train.txt, val.txt, test.txt, as LRS2 does.")
@click.option(
    "--device", "devices", type=DEVICE, multiple=True, help="cuda:0 and so on; one process each."
)
@processes
def prepare(clips: Path, prepared: Path, persons: tuple[Path, ...], **how: Any) -> None:
    """Write the faces and sound of CLIPS in the layout that Wav2Lip is trained on.

    Each clip must show one person, or the one on the photographs. CLIPS may be LRS2's `main`.
    """
    from dataset.prepare import main

    click.echo(main(clips, prepared, list(persons), **how).summary())


@dataset.command()
@click.argument("prepared", type=FOLDER)
@click.option(
    "--shares",
    "ratios",
    type=FiniteRange(0, 1),
    nargs=3,
    default=(0.9, 0.05, 0.05),
    show_default=True,
    metavar="TRAIN VAL TEST",
    help="Split ratios of the duration.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Decides which persons go to which list.",
)
@flag("--by-folder", "Take each folder for one person; do not compare faces.")
@processes
def split(prepared: Path, **how: Any) -> None:
    """Split the clips in PREPARED into lists for training, validation and test, by person.

    No person is in two of PREPARED/filelists/train.txt, val.txt and test.txt.
    """
    from dataset.split import main

    click.echo(main(prepared, **how).summary())
