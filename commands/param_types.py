"""What options of commands may be, where neither click nor `wav2lip` has a type for it."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import click

from media.errors import NamedError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


class FrameRate(click.ParamType):
    """Frames a second, as jobs take them: 25, 29.97 or 30000/1001."""

    name = "frame rate"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Fraction | None:
        from rendering.options import Options

        try:
            return Options.from_dict({"fps": str(value)}).fps
        except NamedError as error:
            self.fail(error.message, param, context)


class OutputFile(click.Path):
    """A file that is to be written, in a folder that is there, with the ending of its `kind`."""

    def __init__(self, kind: Literal["picture", "video"]) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.kind = kind

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, context)))
        if not path.absolute().parent.is_dir():
            self.fail(f"the folder of {path} does not exist.", param, context)
        from media.encoding import encoding_of
        from media.pictures import written_format

        try:
            (written_format if self.kind == "picture" else encoding_of)(path)
        except NamedError as error:
            self.fail(str(error), param, context)
        return path


class HttpUrl(click.ParamType):
    """An address that begins with http:// or https://."""

    name = "url"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        if not value.startswith(("http://", "https://")):
            self.fail(f"{value!r} does not begin with http:// or https://.", param, context)
        return value
