"""`mouth train`: from prepared clips to weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from commands.words import DEVICE, FILE, FOLDER, NEW_FOLDER, flag
from wav2lip.param_types import LIP_SYNC, SYNC_EXPERT, FiniteRange


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what every training has: where clips and run lie, the device, the seed."""
    for option in (
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option(
            "--device", type=DEVICE, default="cpu", show_default=True, help="cpu or cuda."
        ),
        click.option("--table", type=FILE, help="A clips.csv: file, person, held_out."),
        click.argument("run", type=NEW_FOLDER),
    ):
        command = option(command)
    return command


def look_options(look_every: int) -> Callable[..., Any]:
    """Add what every training has that looks at clips it does not learn from."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option(
                "--patience",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Stop after N looks without a better one (0: never).",
            ),
            click.option(
                "--look-every",
                type=click.IntRange(1),
                default=look_every,
                show_default=True,
                metavar="STEPS",
                help="Look at the validation clips, save, and rewrite the report.",
            ),
        ):
            command = option(command)
        return command

    return add


def loop_options(steps: int, look_every: int) -> Callable[..., Any]:
    """Add what trainings share that learn from windows of prepared clips."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            look_options(look_every),
            click.option("--steps", type=click.IntRange(1), default=steps, show_default=True),
            click.option(
                "--rate",
                type=FiniteRange(0),
                default=0.0,
                metavar="R",
                help="Learning rate (0: the usual).",
            ),
            click.option(
                "--workers",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Processes that draw batches.",
            ),
            click.option(
                "--lags",
                type=FILE,
                help="A lags.json: the clips in sync, for files of wav2lip.training.prepare.",
            ),
        ):
            command = option(command)
        return command

    return add


@click.group()
def train() -> None:
    """Train weights, or fine-tune them.

    PREPARED is what `mouth dataset prepare` and `split` made. Everything is kept in the folder RUN,
    where report.html shows how it goes; started again, a run goes on where it was stopped.
    """


@train.command()
@click.argument("prepared", type=FOLDER)
@run_options
@loop_options(steps=6000, look_every=250)
@click.option(
    "--network",
    type=click.Choice(["light", "paper"]),
    default="light",
    show_default=True,
    help="The paper's SyncNet, or one that a small machine trains in an hour.",
)
@click.option(
    "--contrast",
    type=FiniteRange(0, 1),
    default=0.7,
    show_default=True,
    help="Share of the steps that add a contrastive loss (0: as in the paper).",
)
@click.option(
    "--clips", type=click.IntRange(1), default=16, show_default=True, help="Clips of a batch."
)
@click.option(
    "--start",
    type=SYNC_EXPERT,
    metavar="CHECKPOINT",
    help="Fine-tune these weights: a name (`expert` comes along) or a file; a lower rate.",
)
def expert(
    prepared: Path,
    run: Path,
    table: Path | None,
    lags: Path | None,
    device: str,
    workers: int,
    start: str | None,
    **config: Any,
) -> None:
    """Train a sync expert, which tells whether a mouth and a voice go together."""
    from wav2lip.evaluation.expert import locate
    from wav2lip.training import train_expert

    asked = train_expert.Config(start=str(locate(start)) if start else None, **config)
    click.echo(train_expert.main(prepared, run, asked, table, lags, device, workers))


@train.command()
@click.argument("prepared", type=FOLDER)
@run_options
@loop_options(steps=200_000, look_every=500)
@click.option(
    "--expert",
    "judge",
    type=SYNC_EXPERT,
    required=True,
    metavar="CHECKPOINT",
    help="The expert that teaches: a name (`expert` comes along) or a file.",
)
@click.option(
    "--batch", type=click.IntRange(1), default=16, show_default=True, help="Windows of five frames."
)
@click.option(
    "--sync-weight",
    type=FiniteRange(0, 1),
    default=0.03,
    show_default=True,
    help="Of the expert's loss.",
)
@click.option(
    "--sync-below",
    type=FiniteRange(),
    default=0.75,
    show_default=True,
    help="The expert teaches once its loss on validation clips has been below this.",
)
@flag("--discriminator", "Add the visual quality discriminator.")
@click.option("--discriminator-weight", type=FiniteRange(0, 1), default=0.07, show_default=True)
@click.option(
    "--lip-weight",
    type=FiniteRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="A",
    help="The mouth counts A times in the L1 loss.",
)
@click.option(
    "--start",
    type=LIP_SYNC,
    metavar="CHECKPOINT",
    help="Fine-tune these weights: a name or a file; a lower rate.",
)
def generator(
    prepared: Path,
    run: Path,
    judge: str,
    table: Path | None,
    lags: Path | None,
    device: str,
    workers: int,
    **config: Any,
) -> None:
    """Train the generator of Wav2Lip; `mouth animate --checkpoint RUN/generator.pt` uses it."""
    from wav2lip.evaluation.expert import locate
    from wav2lip.training import train_generator

    asked = train_generator.Config(**config)
    teacher = locate(judge)
    click.echo(train_generator.main(prepared, run, asked, teacher, table, lags, device, workers))


def own_steps(name: str, what: str) -> Callable[..., Any]:
    return click.option(name, type=click.IntRange(1), metavar="N", help=f"Steps of {what}.")


@train.command()
@click.argument("clips", type=FOLDER)
@run_options
@look_options(look_every=250)
@click.option(
    "--processes", type=click.IntRange(1), default=2, show_default=True, help="For preparing clips."
)
@flag("--everyone", "Learn from held-out persons too.")
@click.option(
    "--start",
    type=LIP_SYNC,
    metavar="CHECKPOINT",
    help="Fine-tune these weights, `compact` say; without a --table to everyone in CLIPS.",
)
@click.option(
    "--average",
    type=FiniteRange(0, 1, max_open=True),
    default=0.0,
    metavar="A",
    help="Draw with a running mean of the renderer's weights, of which A stays at each step.",
)
@own_steps("--voice-steps", "each voice net")
@own_steps("--reader-steps", "the network that judges mouths")
@own_steps("--renderer-steps", "the renderer on real frames")
@own_steps("--critic-steps", "the renderer with a critic")
def compact(
    clips: Path,
    run: Path,
    table: Path | None,
    device: str,
    processes: int,
    everyone: bool,
    start: str | None,
    average: float,
    voice_steps: int | None,
    reader_steps: int | None,
    renderer_steps: int | None,
    critic_steps: int | None,
    **how: Any,
) -> None:
    """Train the default weights from a folder of CLIPS of talking people.

    Or make them fit one speaker: with --start and a few minutes of that speaker.
    """
    from wav2lip.training import export, prepare, train_renderer, train_voice
    from wav2lip.training.report import Report

    shared = {
        "everyone": everyone or bool(start and not table),
        "start": _compact(start) if start else None,
        **how,
    }
    hearing = train_voice.Config(**_given(steps=voice_steps), **shared)
    steps = _given(reader_steps=reader_steps, steps=renderer_steps, critic_steps=critic_steps)
    drawing = train_renderer.Config(average=average, **steps, **shared)
    report = Report(run / "report.html", "Training compact", train_renderer.STAGES[-1])
    prepared = run / "prepared"
    prepare.main(clips, prepared, processes)
    train_voice.main(prepared, run, hearing, table, device, report)
    train_renderer.main(prepared, run, drawing, table, device, report)
    export.main(run, run, run / "compact.pt")
    click.echo(run / "compact.pt")


def _compact(name: str) -> str:
    from wav2lip import weights

    remedy = "Go on from `compact`, or fine-tune these with `mouth train generator`."
    return str(weights.locate_only(name, "compact", f"{name} holds no compact weights.", remedy))


def _given(**steps: int | None) -> dict[str, Any]:
    """What was asked for; the rest keeps the recipe's own numbers."""
    return {name: value for name, value in steps.items() if value is not None}
