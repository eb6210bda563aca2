"""`mouth train`: from prepared clips to weights."""

import click

from wav2lip.training.command_line import COMMANDS


@click.group(commands=COMMANDS)
def train() -> None:
    """Train weights, or fine-tune them.

    PREPARED is what `mouth dataset prepare` and `split` made. Everything is kept in the folder RUN,
    where report.html shows how it goes; started again, a run goes on where it was stopped.
    """
