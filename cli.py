"""The command `mouth`: one thin group; what it can do lies in `commands/`, one file a command."""

from importlib import import_module
from typing import Any

import click

from commands import failures
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

AS_JSON = "mouth.as_json"  # in a context's `meta`: whether the command line asks for JSON


class _Mouth(click.Group):
    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        context.meta[AS_JSON] = "--json" in args
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        as_json = context.meta[AS_JSON]
        try:
            return super().invoke(context)
        except (NamedError, OSError, click.UsageError) as error:
            named = failures.named(error)
            if named is None or (isinstance(error, click.UsageError) and not as_json):
                raise  # click shows how a command is used, and ends quietly when a pipe is closed
            raise failures.failure(named, as_json) from error

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
@click.version_option(package_name="mouth-animation", message="mouth %(version)s")
def main() -> None:
    """Give a face and a voice; get the picture or video back with that mouth moving."""


if __name__ == "__main__":
    main(prog_name="mouth")
