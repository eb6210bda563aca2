"""`mouth fetch` and `mouth checkpoints`: which weights there are, and getting more."""

import click

from commands.param_types import HttpUrl
from jobs.settings import from_environment


@click.command()
@click.argument("name", default="s3fd")
@click.option("--url", type=HttpUrl(), help="Download from here instead of the published address.")
def fetch(name: str, url: str | None) -> None:
    """Download the weights NAME: those of the face detector, s3fd, if not given.

    `mouth checkpoints` lists the names. A broken download is continued, and a file counts only
    once its checksum is right.
    """
    from tqdm import tqdm

    from checkpoints.fetch import fetch as download

    with tqdm(unit="B", unit_scale=True, desc=name, disable=None) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = download(name, show, url)
    click.echo(f"{name} is at {path}")


@click.command("checkpoints")
def list_checkpoints() -> None:
    """List the weights that this program knows, and which of them are here."""
    import checkpoints
    from face_detection.detectors import default_detector

    settings = from_environment()
    for checkpoint in checkpoints.all():
        mark = "*" if checkpoint.name == settings.checkpoint else " "
        state = "here" if checkpoint.present else "missing"
        click.echo(f"{mark} {checkpoint.name:<24}{state:<9}{checkpoint.note}")
        click.echo(f"  {'':<24}{'':<9}licence: {checkpoint.licence}")
    detector = settings.detector or default_detector()
    advice = "" if detector == "s3fd" else " (`mouth fetch s3fd` brings the paper's)"
    click.echo(f"\n* is used where no other is asked for. Face detector in use: {detector}{advice}")
