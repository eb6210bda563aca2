"""`mouth faces`: who is to be seen, by the numbers that --person takes."""

import json
from pathlib import Path
from typing import Any

import click

from commands.words import FILE, VIDEO, bar, changes_source, no_folder, settings_now


@click.command()
@click.argument("source", type=FILE)
@click.option("--voice", type=FILE, help="Look only as far into a video as this voice lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--sheet", type=VIDEO, metavar="PNG", help="Draw a portrait of each to this file.")
@changes_source
def faces(
    source: Path, voice: Path | None, as_json: bool, sheet: Path | None, **options: Any
) -> None:
    """List the people in SOURCE by the numbers that --person takes.

    Stills are counted from left to right, videos by time on screen. Boxes are x1 y1 x2 y2 in
    pixels of the frame they are given for; times are seconds.
    """
    from workers import direct, order
    from workers.sheet import write_sheet

    if sheet is not None and not sheet.absolute().parent.is_dir():
        raise no_folder(sheet)

    settings = settings_now()
    seen = direct.open_source(source, options, settings)
    frames = 1 if seen.is_fixed else seen.frames
    if voice is not None:
        frames = order.frames_to_detect(seen, [direct.voice_duration(voice, settings)])
    with bar(frames, "looking for faces") as advance:
        persons = direct.find_persons(seen, frames, settings, advance)
    rows = direct.describe(seen, persons, frames)
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
