"""`mouth train`: from talking clips to weights."""

from pathlib import Path
from typing import Any

import click

from commands.words import FILE, FOLDER, NEW_FOLDER, flag


@click.group()
def train() -> None:
    """Train weights; each step is also a module of wav2lip.training, with more to set."""


@train.command()
@click.argument("clips", type=FOLDER)
@click.argument("run", type=NEW_FOLDER)
@click.option("--table", type=FILE, help="A clips.csv: file, person, held_out.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--processes", type=int, default=2, show_default=True, help="For preparing clips.")
@flag("--everyone", "Learn from held-out persons too.")
def compact(clips: Path, run: Path, table: Path | None, processes: int, **how: Any) -> None:
    """Train the default weights from a folder of CLIPS of talking people.

    Everything is kept in the folder RUN, at last RUN/compact.pt; started again, it goes on where
    it was stopped.
    """
    from wav2lip.training import export, prepare, train_renderer, train_voice

    prepared = run / "prepared"
    prepare.main(clips, prepared, processes)
    train_voice.main(prepared, run, table, **how)
    train_renderer.main(prepared, run, table, **how)
    export.main(run, run, run / "compact.pt")
    click.echo(run / "compact.pt")
