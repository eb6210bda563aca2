"""The command `mouth`: one thin group over the packages."""

# Only what every command needs is imported up here, so that `mouth --help` answers at once.
import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from media.errors import NamedError

if TYPE_CHECKING:
    from jobs.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
VIDEO = click.Path(dir_okay=False, path_type=Path)


class _Failure(click.ClickException):
    """A NamedError as a user of a terminal meets it: message and remedy, never a traceback."""

    def __init__(self, error: NamedError) -> None:
        super().__init__(f"{error.message}\n{error.remedy}")

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class _Mouth(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except NamedError as error:
            raise _Failure(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            problem = f"{error.filename}: {error.strerror}."
            remedy = "Choose another place, or make room and allow writing there."
            raise _Failure(NamedError("no-access", problem, remedy)) from error


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


def _flag(name: str, doc: str) -> Callable[..., Any]:
    return click.option(name, is_flag=True, help=doc)


def _whole(name: str, metavar: str, doc: str) -> Callable[..., Any]:
    return click.option(name, type=int, metavar=metavar, help=doc)


def _four(name: str, kind: type, metavar: str, doc: str) -> Callable[..., Any]:
    return click.option(name, type=kind, nargs=4, default=None, metavar=metavar, help=doc)


_SYNC_MODES = (
    "When the video is not as long as the voice: bounce (play it there and back, the default), "
    "loop, freeze (hold the last frame), remap (retime it), cut_off (end with the shorter), "
    "silence (show the whole video)."
)


def _changes_source(command: Callable[..., None]) -> Callable[..., None]:
    """Add what changes the source, and how faces are looked for in it."""
    for option in (
        _whole("--face-det-batch-size", "N", "Frames searched at a time."),
        _flag("--static", "Look for faces in the first frame only."),
        _flag("--still", "Use only the first frame of a video."),
        _four("--crop", int, "T B L R", "Keep rows T to B, columns L to R; -1 is the end."),
        _flag("--rotate", "Turn by 90 degrees, clockwise."),
        _whole("--resize-factor", "K", "Shrink K times."),
    ):
        command = option(command)
    return command


@main.command()
@click.argument("face", type=FILE)
@click.argument("voice", type=FILE)
@click.option("-o", "--output", "--outfile", type=VIDEO, help="FACE-talking.mp4 if not given.")
@_whole("--person", "N", "Who speaks, as `mouth faces` counts.")
@click.option("--checkpoint", "--checkpoint-path", metavar="NAME", help="A name, or a file.")
@click.option("--sync-mode", metavar="MODE", help=_SYNC_MODES)
@_flag("--overlay", "Keep the video's own sound under the voice.")
@click.option("--soundtrack-gain", type=float, metavar="DB", help="How much louder that is (-6).")
@_four("--pads", int, "T B L R", "Widen the face box by so many pixels.")
@_four("--box", float, "X1 Y1 X2 Y2", "The face is here, in every frame.")
@click.option("--fps", metavar="F", help="Frames a second of a video made of a still (25).")
@click.option("--no-smooth", "--nosmooth", is_flag=True, help="Leave the face box unsteadied.")
@_flag("--no-blend", "Paste the mouth with a hard edge.")
@_whole("--wav2lip-batch-size", "N", "Faces moved at a time.")
@_changes_source
def animate(
    face: Path,
    voice: Path,
    output: Path | None,
    person: int | None,
    no_smooth: bool,
    no_blend: bool,
    **options: Any,
) -> None:
    """Make the mouth in FACE, a picture or video, move to VOICE, a sound."""
    from workers import direct, models, order, pipeline
    from workers.sight import not_animated

    settings = _settings()
    output = output or Path(f"{face.stem}-talking.mp4")
    if not output.absolute().parent.is_dir():
        raise _no_folder(output)
    options |= {"smooth": not no_smooth, "blend": not no_blend}
    source = direct.open_source(face, options, settings)
    duration = direct.voice_duration(voice, settings)
    engine = models.engine_for(source)
    frames = order.frames_to_detect(source, [duration])
    with _bar(frames, "looking for faces") as advance:
        persons = direct.find_persons(source, frames, settings, advance)
    speech = order.Voice(voice, direct.choose_speaker(persons, person), duration)
    wanted = order.Order(source, (speech,), tuple(persons))
    with _bar(wanted.frames, "moving the mouth") as advance:
        pipeline.animate(wanted, output, engine, settings.segment_seconds, advance)
    for each in not_animated(wanted):
        span = f"from {each.start:g} to {each.stop:g} seconds"
        click.echo(f"person {each.person} is {each.reason} {span}: left as it is", err=True)
    click.echo(output)


@main.command()
@click.argument("source", type=FILE)
@click.option("--voice", type=FILE, help="Look only as far into a video as this voice lasts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--sheet", type=VIDEO, metavar="PNG", help="Draw a portrait of each to this file.")
@_changes_source
def faces(
    source: Path, voice: Path | None, as_json: bool, sheet: Path | None, **options: Any
) -> None:
    """List the people in SOURCE by the numbers that --person takes.

    Stills are counted from left to right, videos by time on screen. Boxes are x1 y1 x2 y2 in
    pixels of the frame they are given for; times are seconds.
    """
    from workers import direct, order
    from workers.sheet import write_sheet

    if sheet is not None and not sheet.absolute().parent.is_dir():
        raise _no_folder(sheet)

    settings = _settings()
    seen = direct.open_source(source, options, settings)
    frames = 1 if seen.is_fixed else seen.frames
    if voice is not None:
        frames = order.frames_to_detect(seen, [direct.voice_duration(voice, settings)])
    with _bar(frames, "looking for faces") as advance:
        persons = direct.find_persons(seen, frames, settings, advance)
    rows = direct.describe(seen, persons, frames)
    if sheet is not None:
        write_sheet(seen, persons, frames, sheet)
    if as_json:
        click.echo(json.dumps({"persons": rows}))
        return
    for row in rows:
        sides = " ".join(f"{side:g}" for side in row["box"])
        times = f"  from {row['first']:g} to {row['last']:g}, {row['share']:.0%}"
        click.echo(
            f"person {row['id']}: box {sides}  frame {row['frame']}  score {row['score']}"
            + ("" if seen.is_fixed else times)
        )


@main.command()
@click.argument("name", default="s3fd")
@click.option("--url", help="Download from here instead of the published address.")
def fetch(name: str, url: str | None) -> None:
    """Download the weights NAME: those of the face detector, s3fd, if not given.

    `mouth checkpoints` lists the names. A broken download is continued, and a file counts only
    once its checksum is right.
    """
    from tqdm import tqdm

    from checkpoints.fetch import fetch as download

    with tqdm(unit="B", unit_scale=True, desc=name, disable=None) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = download(name, show, url)
    click.echo(f"{name} is at {path}")


@main.command("checkpoints")
def list_checkpoints() -> None:
    """List the weights that this program knows, and which of them are here."""
    import checkpoints
    from face_detection.detectors import default_detector

    settings = _settings()
    for checkpoint in checkpoints.all():
        mark = "*" if checkpoint.name == settings.checkpoint else " "
        state = "here" if checkpoint.present else "missing"
        click.echo(f"{mark} {checkpoint.name:<24}{state:<9}{checkpoint.note}")
        click.echo(f"  {'':<24}{'':<9}licence: {checkpoint.licence}")
    detector = settings.detector or default_detector()
    advice = "" if detector == "s3fd" else " (`mouth fetch s3fd` brings the better one)"
    click.echo(f"\n* is used where no other is asked for. Face detector in use: {detector}{advice}")


@main.command()
@click.argument("process", nargs=-1)
def serve(process: tuple[str, ...]) -> None:
    """Start the page, the queue and the workers; Ctrl-C stops them all.

    With names of PROCESSes (lines of the Procfile) only those are started. HOST and PORT say
    where the page is; see `mouth settings`.
    """
    from workers import serve as services

    settings = _settings()
    names = process or services.needed(embedded_redis=not settings.broker_url)
    environment = {**os.environ, "VAR_DIR": str(settings.var_dir)}
    services.serve(settings.host, settings.port, environment, names)


@main.command("settings")
def list_settings() -> None:
    """Show every setting: its name in the environment, its value now, what it is for."""
    from jobs.settings import describe

    for name, value, doc in describe(_settings()):
        click.echo(f"{name}={value}\n    {doc}")


@main.group()
def train() -> None:
    """Train weights; each step is also a module of wav2lip.training, with more to set."""


@train.command()
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--table", type=FILE, help="A clips.csv: file, person, held_out.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--processes", type=int, default=2, show_default=True, help="For preparing clips.")
@_flag("--everyone", "Learn from held-out persons too.")
def compact(clips: Path, run: Path, table: Path | None, processes: int, **how: Any) -> None:
    """Train the default weights from a folder of CLIPS of talking people.

    Everything is kept in the folder RUN, at last RUN/compact.pt; started again, it goes on where
    it was stopped.
    """
    from wav2lip.training import export, prepare, train_renderer, train_voice

    prepared = run / "prepared"
    prepare.main(clips, prepared, processes)
    train_voice.main(prepared, run, table, **how)
    train_renderer.main(prepared, run, table, **how)
    export.main(run, run, run / "compact.pt")
    click.echo(run / "compact.pt")


def _no_folder(path: Path) -> NamedError:
    problem = f"The folder of {path} does not exist."
    return NamedError("no-access", problem, "Make it, or choose another place.")


def _settings() -> "Settings":
    from jobs.settings import from_environment

    try:
        return from_environment()
    except ValueError as error:
        raise NamedError("bad-setting", str(error), "Correct or unset it.") from error


@contextmanager
def _bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal's stderr; call it with how many more frames are done."""
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit="frame", disable=None) as bar:

        def advance(frames: int) -> None:
            bar.update(frames)

        yield advance


if __name__ == "__main__":
    main(prog_name="mouth")
