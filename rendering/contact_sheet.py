"""A contact sheet: all persons that were found, on one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from face_detection.persons import Person
from media.pictures import write_picture
from rendering.spec import Source
from rendering.thumbnails import PORTRAIT_SIDE, portraits
from rendering.visibility import Presence, presence

COLUMNS = 4
MARGIN = 16
LINE = 20
MOST_INTERVALS = 3  # that fit under a portrait


def write_sheet(source: Source, persons: Sequence[Person], frames: int, path: Path) -> None:
    """Write a picture of all portraits, each with the person's number and times.

    `frames` is how many frames of the source were searched; the ending of `path` decides the
    format.
    """
    cell = PORTRAIT_SIDE + MARGIN, PORTRAIT_SIDE + (MOST_INTERVALS + 2) * LINE + MARGIN
    columns = min(COLUMNS, len(persons))
    rows = -(-len(persons) // columns)
    sheet = Image.new("RGB", (columns * cell[0] + MARGIN, rows * cell[1] + MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    for person, portrait in portraits(source, persons):
        row, column = divmod(person.id - 1, columns)
        left, top = MARGIN + column * cell[0], MARGIN + row * cell[1]
        sheet.paste(Image.fromarray(portrait), (left, top))
        known = None if source.is_fixed else presence(source, person, frames)
        for number, line in enumerate(_lines(person, known)):
            at = left, top + len(portrait) + 4 + number * LINE
            pen.text(at, line, fill="black", font=ImageFont.load_default(LINE - 4))
    write_picture(path, np.asarray(sheet))


def _lines(person: Person, known: Presence | None) -> list[str]:
    title = f"Person {person.id}"
    if known is None:
        return [title]
    times = [f"{start:.1f} - {stop:.1f} s" for start, stop in known.intervals]
    if len(times) > MOST_INTERVALS:
        hidden = len(times) - MOST_INTERVALS + 1
        times[MOST_INTERVALS - 1 :] = [f"and {hidden} times more"]
    return [f"{title}, {known.share:.0%}", *times]
