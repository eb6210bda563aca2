"""The command `mouth`: one thin group; what it can do lies in `commands/`, one file a command."""

import errno
import os
from importlib import import_module
from typing import Any

import click

from media.errors import NamedError

# A command's file is imported when it is asked for, so that `mouth` answers at once.
COMMANDS = {
    "animate": "animate:animate",
    "checkpoints": "weights:list_checkpoints",
    "dataset": "dataset:dataset",
    "evaluate": "evaluate:evaluate",
    "faces": "faces:faces",
    "fetch": "weights:fetch",
    "serve": "serve:serve",
    "settings": "serve:list_settings",
    "token": "token:token",
    "train": "train:train",
    "verify": "verify:verify",
}


class _Failure(click.ClickException):
    """A NamedError as a user of a terminal meets it: message and remedy, never a traceback."""

    def __init__(self, error: NamedError) -> None:
        super().__init__(f"{error.message}\n{error.remedy}")

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class _WrongSetting(_Failure):
    """Told apart by its status, so that a supervisor does not start the command again."""

    exit_code = os.EX_CONFIG


class _Mouth(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except NamedError as error:
            kind = _WrongSetting if error.code == "bad-setting" else _Failure
            raise kind(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            problem = f"{error.filename}: {error.strerror}."
            remedy = "Choose another place, or make room and allow writing there."
            raise _Failure(NamedError("no-access", problem, remedy)) from error

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        file, function = COMMANDS[name].split(":")
        command: click.Command = getattr(import_module(f"commands.{file}"), function)
        return command


@click.group(
    cls=_Mouth,
    # The original's scripts write --resize_factor; both spellings are understood.
    context_settings={
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
)
def main() -> None:
    """Give a face and a voice; get the picture or video back with that mouth moving."""


if __name__ == "__main__":
    main(prog_name="mouth")
