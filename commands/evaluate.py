"""`mouth evaluate`: how well a checkpoint animates a mouth, measured on real clips."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from commands.param_types import FILE, FOLDER, NEW_FOLDER
from jobs.settings import PRECISIONS
from wav2lip.param_types import DEVICE, LIP_SYNC, SYNC_EXPERT


@click.command()
@click.argument("clips", type=FOLDER)
@click.argument("report", type=NEW_FOLDER)
@click.option(
    "--checkpoint",
    type=LIP_SYNC,
    metavar="CHECKPOINT",
    default="compact",
    show_default=True,
    help="A name, or a file.",
)
@click.option("--against", type=LIP_SYNC, metavar="CHECKPOINT", help="Compare with these weights.")
@click.option("--table", type=FILE, help="A clips.csv in CLIPS: file, person, held_out.")
@click.option("--list", "listed", type=FILE, help="Pairs: a video and a voice a line.")
@click.option(
    "--expert",
    "experts",
    type=SYNC_EXPERT,
    multiple=True,
    metavar="CHECKPOINT",
    help="Sync experts for LSE-D and LSE-C; by default the published one and the program's own, "
    "where they are.",
)
@click.option(
    "--frames",
    type=click.IntRange(20),
    default=400,
    show_default=True,
    help="At most so many of a person.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option("--device", type=DEVICE, help="cpu or cuda; the best when not given.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="As of `mouth animate`; fp32 is exact.",
)
def evaluate(
    clips: Path,
    report: Path,
    checkpoint: str,
    against: str | None,
    table: Path | None,
    listed: Path | None,
    experts: tuple[str, ...],
    frames: int,
    seed: int,
    processes: int,
    device: str | None,
    precision: str,
) -> None:
    """Measure how well a checkpoint animates a mouth, on CLIPS, a folder of videos of speakers.

    Everything goes into the folder REPORT: report.html, evaluation.json, the video reel.mp4, and
    the measurements of each clip, so that an interrupted run continues, and another checkpoint can
    be measured on the same clips.
    """
    import json

    from wav2lip.evaluation import expert, pairs, reel
    from wav2lip.evaluation import report as page
    from wav2lip.evaluation.config import Config
    from wav2lip.evaluation.evaluate import check, evaluate
    from wav2lip.evaluation.table import to_json, to_text

    if listed is not None:
        chosen = pairs.from_list(listed, clips)
    elif table is not None:
        chosen = pairs.with_other_voices(pairs.from_table(table, clips))
    else:
        chosen = pairs.with_other_voices(pairs.from_folder(clips))
    config = Config(
        chosen,
        report,
        {name: expert.locate(name) for name in experts or expert.available()},
        frames=frames,
        seed=seed,
        processes=processes,
        device=device,
        precision=precision,
    )
    if against is not None:
        check(against, config)
    with _bar(checkpoint) as progress:
        mine = evaluate(checkpoint, config, progress)
    other = None
    if against is not None:
        with _bar(against) as progress:
            other = evaluate(against, config, progress)
    for clip, why in mine.left_out.items():
        click.echo(f"left out {clip}: {why}", err=True)
    values = json.dumps(to_json(mine, other), indent=1)
    (report / "evaluation.json").write_text(values, encoding="utf-8")
    page.write(report / "report.html", mine, other)
    click.echo(to_text(mine, other))
    reel.write(report / page.REEL, mine, other)
    click.echo(report / "report.html")


@contextmanager
def _bar(checkpoint: str) -> Iterator[Callable[[int, int], None]]:
    """Progress on a terminal's stderr: each clip is one step of tracking and one of measuring."""
    from tqdm import tqdm

    with tqdm(desc=f"evaluating {checkpoint}", unit="step", disable=None) as bar:

        def advance(done: int, steps: int) -> None:
            bar.total = steps
            bar.update(done - bar.n)

        yield advance
