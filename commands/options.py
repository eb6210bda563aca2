"""Options that several commands have, and short ways to declare one."""

from collections.abc import Callable
from typing import Any

import click

from rendering.options import LARGEST_SIDE


def flag(name: str, doc: str) -> Callable[..., Any]:
    return click.option(name, is_flag=True, help=doc)


def integer(name: str, low: int, high: int, metavar: str, doc: str) -> Callable[..., Any]:
    return click.option(name, type=click.IntRange(low, high), metavar=metavar, help=doc)


def four_numbers(
    name: str, kind: click.ParamType, metavar: str, doc: str, **more: Any
) -> Callable[..., Any]:
    return click.option(name, type=kind, nargs=4, default=None, metavar=metavar, help=doc, **more)


def source_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that change the source, and those of face detection."""
    for option in (
        integer("--face-det-batch-size", 1, 256, "N", "Frames searched at a time."),
        flag("--static", "Look for faces in the first frame only."),
        flag("--still", "Use only the first frame of a video."),
        four_numbers(
            "--crop",
            click.IntRange(-1, LARGEST_SIDE),
            "T B L R",
            "Keep rows T to B, columns L to R; -1 is the end.",
        ),
        flag("--rotate", "Turn by 90 degrees, clockwise."),
        integer("--resize-factor", 1, 32, "K", "Shrink K times."),
    ):
        command = option(command)
    return command
