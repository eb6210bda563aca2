"""The commands `mouth train NAME` and `python -m wav2lip.training.train_NAME`: the same objects.

Their options are the fields of a configuration. Each calls `main` of the training's module, which
is imported only then: `--help` must answer at once.
"""

from collections.abc import Callable
from dataclasses import Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import click

from media.errors import NamedError
from wav2lip.param_types import DEVICE, SYNC_EXPERT, FiniteRange
from wav2lip.training.config import (
    CompactConfig,
    ExpertConfig,
    GeneratorConfig,
    RendererConfig,
    RunConfig,
    SpeechConfig,
    StudentConfig,
    VoiceConfig,
)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


class Command(click.Command):
    """A command that shows a NamedError as message and remedy where it is called alone."""

    def invoke(self, context: click.Context) -> Any:
        """Raises NamedError under `mouth`, which shows those of all its commands."""
        try:
            return super().invoke(context)
        except NamedError as error:
            if context.parent:
                raise
            raise click.ClickException(f"{error.message}\n{error.remedy}") from error


def options(config: type[RunConfig]) -> list[click.Parameter]:
    """An option for each field of a configuration: its name, type, range, default and help."""
    types = get_type_hints(config)
    return [_option(each, types[each.name]) for each in fields(config)]


def _option(each: Field, kind: Any) -> click.Option:
    words = [f"--{name.replace('_', '-')}" for name in (each.name, *each.metadata["aliases"])]
    return click.Option(
        [*words, each.name],
        type=_type(each, kind),
        is_flag=kind is bool,
        default=each.default,
        show_default=kind is not bool and each.default is not None,
        metavar=each.metadata["unit"] or None,
        help=each.metadata["doc"],
    )


def _type(each: Field, kind: Any) -> Any:
    if each.metadata["type"]:
        return each.metadata["type"]
    if each.metadata["choices"]:
        return click.Choice(each.metadata["choices"])
    ranges = {int: click.IntRange, float: FiniteRange}
    return ranges[kind](**each.metadata["bounds"]) if kind in ranges else kind


def _training(name: str, config: type[RunConfig], *where: click.Parameter) -> Any:
    """A decorator: the command of the module train_`name`, whose help is the function's docstring.

    `where` are the parameters that say where to read and write, and on which device.
    """
    names = [each.name for each in fields(config)]

    def train(**given: Any) -> None:
        asked = config(**{each: given.pop(each) for each in names})
        click.echo(import_module(f"wav2lip.training.train_{name}").main(config=asked, **given))

    def command(described: Callable[[], None]) -> Command:
        parameters = [*where, *options(config)]
        return Command(name, callback=train, params=parameters, help=described.__doc__)

    return command


def _prepared() -> click.Parameter:
    return click.Argument(["prepared"], type=FOLDER)


def _clips() -> click.Parameter:
    return click.Argument(["clips"], type=FOLDER)


def _recordings() -> click.Parameter:
    return click.Option(["--recordings"], type=FOLDER, help="A folder of sounds without a voice.")


def _run_options() -> tuple[click.Parameter, ...]:
    return (
        click.Argument(["run"], type=NEW_FOLDER),
        click.Option(["--table"], type=FILE, help="A clips.csv: file, person, held_out."),
        click.Option(
            ["--device"], type=DEVICE, default="cpu", show_default=True, help="cpu or cuda."
        ),
    )


def _window_options() -> tuple[click.Parameter, ...]:
    """Of trainings that learn from windows of prepared clips."""
    return (
        click.Option(
            ["--lags"],
            type=FILE,
            help="A lags.json: the clips in sync, for files of wav2lip.training.prepare.",
        ),
        click.Option(
            ["--workers"],
            type=click.IntRange(0),
            default=0,
            show_default=True,
            metavar="N",
            help="Processes that make mini-batches.",
        ),
    )


@_training("expert", ExpertConfig, _prepared(), *_run_options(), *_window_options())
def expert() -> None:
    """Train a sync expert, which tells whether a mouth and a voice go together."""


@_training(
    "generator",
    GeneratorConfig,
    _prepared(),
    *_run_options(),
    *_window_options(),
    click.Option(
        ["--expert", "expert_name"],
        type=SYNC_EXPERT,
        required=True,
        metavar="CHECKPOINT",
        help="The expert that teaches: a name (`expert` comes along) or a file.",
    ),
)
def generator() -> None:
    """Train the generator of Wav2Lip; `mouth animate --checkpoint RUN/generator.pt` uses it."""


@_training(
    "compact",
    CompactConfig,
    _clips(),
    *_run_options(),
    click.Option(
        ["--processes"],
        type=click.IntRange(1),
        default=2,
        show_default=True,
        metavar="N",
        help="For preparing clips.",
    ),
)
def compact() -> None:
    """Train the default weights from a folder of CLIPS of talking people.

    Or make them fit one speaker: with --start and a few minutes of that speaker.
    """


@_training("voice", VoiceConfig, _prepared(), *_run_options())
def voice() -> None:
    """Train the voice nets of compact alone: RUN/voice.pt.

    PREPARED is what `python -m wav2lip.training.prepare` made.
    """


@_training(
    "student",
    StudentConfig,
    _prepared(),
    *_run_options(),
    click.Option(
        ["--teacher", "teacher_file"],
        type=FILE,
        required=True,
        help="OpenAI's tiny.en.pt, or an .npz of its encoder.",
    ),
    click.Option(["--speech"], type=FOLDER, help="A folder of speech without faces."),
    _recordings(),
)
def student() -> None:
    """Train the speech encoder of compact, distilled from a teacher: RUN/voice.pt.

    PREPARED is what `python -m wav2lip.training.prepare` made; each folder in SPEECH is of one
    speaker.
    """


@_training("renderer", RendererConfig, _prepared(), *_run_options())
def renderer() -> None:
    """Train the renderer of compact alone: RUN/renderer.pt.

    PREPARED is what `python -m wav2lip.training.prepare` made.
    """


@_training("speech", SpeechConfig, _clips(), *_run_options(), _recordings())
def speech() -> None:
    """Train the voice activity net, which tells speech from music and noise: RUN/speech.pt.

    CLIPS are recordings of one voice each; held-out persons of a --table are left out.
    """


COMMANDS: tuple[click.Command, ...] = (expert, generator, compact, voice, student, renderer, speech)
