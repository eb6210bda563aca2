"""Failures as a terminal or a program meets them: code, message and remedy, never a traceback."""

import errno
import json
import os
from typing import Any

import click

from media.errors import NamedError


class _Failure(click.ClickException):
    """A NamedError in words on stderr, or as JSON on stdout where the result would have been."""

    def __init__(self, error: NamedError, as_json: bool) -> None:
        super().__init__(error.as_text())
        self.error = error
        self.as_json = as_json

    def show(self, file: Any = None) -> None:
        if self.as_json:
            click.echo(json.dumps({"error": self.error.as_dict()}))
        else:
            click.echo(self.message, err=True)


class _WrongSetting(_Failure):
    """Told apart by its status, so that a supervisor does not start the command again."""

    exit_code = os.EX_CONFIG


class _WrongUsage(_Failure):
    exit_code = 2  # click's own


_KINDS = {"bad-setting": _WrongSetting, "wrong-usage": _WrongUsage}


def failure(error: NamedError, as_json: bool) -> click.ClickException:
    """What ends a command with this error."""
    return _KINDS.get(error.code, _Failure)(error, as_json)


def named(error: Exception) -> NamedError | None:
    """The failure of a command that an exception stands for; None for a fault of the program."""
    if isinstance(error, NamedError):
        return error
    if isinstance(error, click.UsageError):
        context = error.ctx
        where = f" `{context.command_path} --help` shows what it takes." if context else ""
        return NamedError("wrong-usage", error.format_message(), f"Correct the command.{where}")
    if isinstance(error, OSError) and error.errno != errno.EPIPE and error.filename is not None:
        problem = f"{error.filename}: {error.strerror}."
        remedy = "Choose another place, or make room and allow writing there."
        return NamedError("no-access", problem, remedy)
    return None
