"""`mouth faces`: who is to be seen, by the numbers that --person takes."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from commands.console import Console, check_output
from commands.options import flag, source_options
from commands.param_types import FILE, OutputFile
from jobs.settings import from_environment
from wav2lip.param_types import FiniteRange


@click.command()
@click.argument("source", type=FILE)
@click.option("--voice", type=FILE, help="Look only as far into a video as this voice lasts.")
@click.option(
    "--seconds",
    type=FiniteRange(0, 86400),
    metavar="S",
    help="Look only so far into a video, as for voices that end then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--sheet",
    type=OutputFile("picture"),
    metavar="PNG",
    help="Draw a portrait of each to this file.",
)
@flag("--force", "Overwrite such a file that is there already.")
@source_options
def faces(
    source: Path,
    voice: Path | None,
    seconds: float | None,
    as_json: bool,
    sheet: Path | None,
    force: bool,
    **options: Any,
) -> None:
    """List the people in SOURCE by the numbers that --person takes.

    Stills are counted row by row from left to right, videos by time on screen: in as much of one
    as is shown, so say how long the voice is when it is shorter than the video. Boxes are x1 y1 x2
    y2 in pixels of the frame they are given for; times are seconds.
    """
    from commands import local_job
    from rendering import spec
    from rendering.contact_sheet import write_sheet

    if sheet is not None:
        check_output(sheet, source, force=force)

    settings, console = from_environment(), Console()
    seen = local_job.open_source(source, options, settings)
    frames = 1 if seen.is_fixed else seen.frames
    ends = [local_job.voice_duration(voice, settings)] if voice else []
    if seconds is not None:
        ends.append(Fraction(seconds))
    if ends:
        frames = spec.frames_to_detect(seen, ends)
    console.source_notes(seen.info)
    with console.progress(frames, "looking for faces") as progress:
        persons = local_job.find_persons(seen, frames, settings, progress)
    rows = local_job.describe(seen, persons, frames)
    if sheet is not None:
        write_sheet(seen, persons, frames, sheet)
    if as_json:
        click.echo(json.dumps({"persons": rows}))
        return
    for row in rows:
        sides = " ".join(f"{side:g}" for side in row["box"])
        times = f"  from {row['first']:g} to {row['last']:g}, {row['share']:.0%}"
        click.echo(
            f"person {row['id']}: box {sides}  frame {row['frame']}  score {row['score']}"
            + ("" if seen.is_fixed else times)
        )
