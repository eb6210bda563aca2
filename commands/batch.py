"""A list of videos to make in one call: a CSV file with a line for each (`--batch`)."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from commands.request import Request
from media.errors import NamedError

SEPARATOR = ";"  # of the values in the cell of an option that may be given several times
# These are about the call as a whole.
_OF_THE_CALL = {"listed", "force", "quiet", "as_json"}


@dataclass(frozen=True)
class Row:
    """A line of the list, counted from 1, and what it asks for."""

    line: int
    request: Request


def read_rows(path: Path, context: click.Context) -> list[Row]:
    """The lines of a list, as requests to the command that is called with `context`.

    The first line names arguments and options of the command, without dashes; an empty cell is
    an option not given. Options of the call itself hold in every line that has not its own.

    Raises click.UsageError, or NamedError `output-exists`, which names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.UsageError(f"{path} is no CSV file in UTF-8: {error}.") from None
    if len(lines) < 2:
        raise click.UsageError(f"{path} needs a line of names, and then a line for each video.")
    (_, names), *rows = lines
    columns = [_parameter(path, context.command, name.strip()) for name in names]
    return list(_requests(path, columns, rows, context))


def _requests(
    path: Path,
    columns: Sequence[click.Parameter],
    rows: Sequence[tuple[int, Sequence[str]]],
    context: click.Context,
) -> Iterator[Row]:
    outputs: dict[Path, int] = {}
    for line, cells in rows:
        try:
            request = Request.from_parameters(**_parameters(columns, cells, context))
            output = request.output.resolve()
            if output in outputs:
                raise click.UsageError(f"Line {outputs[output]} has the output {output} too.")
        except click.UsageError as error:
            raise click.UsageError(f"{path}, line {line}: {error.format_message()}") from None
        except NamedError as error:
            place = f"{path}, line {line}: {error.message}"
            raise NamedError(error.code, place, error.remedy) from None
        outputs[output] = line
        yield Row(line, request)


def _parameter(path: Path, command: click.Command, name: str) -> click.Parameter:
    wanted = name.replace("_", "-").lower()
    for parameter in command.params:
        known = {each.lstrip("-") for each in parameter.opts} | {str(parameter.name)}
        if wanted in known and parameter.name not in _OF_THE_CALL:
            return parameter
    raise click.UsageError(
        f"{path} has a column {name!r}. Columns are face, voice, and the options of "
        f"`mouth {command.name}` without their dashes, with commas between."
    )


def _parameters(
    columns: Sequence[click.Parameter], cells: Sequence[str], context: click.Context
) -> dict[str, Any]:
    """What the call and the cells of a line say together. Raises click.UsageError."""
    if len(cells) > len(columns):
        raise click.UsageError("There are more cells than columns.")
    pairs = zip(columns, cells, strict=False)
    given = {each.name: (each, cell.strip()) for each, cell in pairs if cell.strip()}
    words = [word for each, cell in given.values() for word in _words(each, cell, context)]
    places = [each for each in context.command.params if isinstance(each, click.Argument)]
    arguments = [given[each.name][1] if each.name in given else "" for each in places]
    while arguments and not arguments[-1]:
        arguments.pop()
    if "" in arguments:
        raise click.UsageError(f"The cell {places[arguments.index('')].name!r} is empty.")
    row = context.command.make_context(
        context.info_name, [*words, "--", *arguments], parent=context.parent
    )
    together = context.params | {name: row.params[name] for name in given if name in row.params}
    whole = _OF_THE_CALL - {"force"}
    return {name: value for name, value in together.items() if name not in whole}


def _words(option: click.Parameter, cell: str, context: click.Context) -> list[str]:
    """What is written for the cell of an option. Raises click.UsageError."""
    if not isinstance(option, click.Option):
        return []
    name = option.opts[0]
    if option.is_flag:
        return [name] if click.BOOL.convert(cell, option, context) else []
    if option.nargs > 1:
        return [name, *cell.split()]
    values = cell.split(SEPARATOR) if option.multiple else [cell]
    return [word for value in values for word in (name, value.strip())]
