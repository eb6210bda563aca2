"""The command lines of trainings that run as modules: an option for each part of a Config."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

C = TypeVar("C")


def read(doc: str | None, usual: C) -> tuple[dict[str, Any], C]:
    """Where to read and write (prepared, run, table, device), and `usual` with what is asked for.

    `usual` is a dataclass of numbers, flags that are off, and paths that are None.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--device", default="cpu")
    for name, value in asdict(usual).items():  # type: ignore[call-overload]
        word = f"--{name.replace('_', '-')}"
        if value is False:
            parser.add_argument(word, action="store_true")
        else:
            kind = str if value is None else type(value)
            parser.add_argument(word, type=kind, default=value, help=f"{value}, if not said")
    asked = vars(parser.parse_args())
    places = {name: asked.pop(name) for name in ("prepared", "run", "table", "device")}
    return places, replace(usual, **asked)  # type: ignore[type-var]
