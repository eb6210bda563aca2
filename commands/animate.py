"""`mouth animate`: a face and a voice to a video, without a server."""

import json
import os
from pathlib import Path
from typing import Any

import click

from commands import batch, failures
from commands.console import Console
from commands.options import flag, four_numbers, integer, source_options
from commands.param_types import FILE, FrameRate, OutputFile
from commands.request import Request
from commands.speaker import SpeakerType
from jobs.settings import PRECISIONS, from_environment
from media.badge import PLACES
from media.encoding import QUALITIES
from media.errors import NamedError
from media.timeline import SYNC_MODES
from rendering.options import LARGEST_SIDE
from wav2lip.param_types import LIP_SYNC, FiniteRange

SYNC_MODE_HELP = (
    "When the video is not as long as the voice: bounce (play it there and back, the default), "
    "loop, freeze (hold the last frame), remap (retime it), cut_off (end with the shorter), "
    "silence (show the whole video)."
)

# The numbers of a whole video may be others: they go by how long people are on screen.
COUNTED = "People are counted in them, as by `mouth faces --seconds {}`."


def _check_box(
    _: click.Context, param: click.Parameter, box: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    if box is not None and (box[0] >= box[2] or box[1] >= box[3]):
        raise click.BadParameter("X1 must be less than X2, and Y1 less than Y2.", param=param)
    return box


@click.command()
@click.argument("face", type=FILE, required=False)
@click.argument("voice", type=FILE, required=False)
@click.option(
    "-o",
    "--output",
    "--outfile",
    type=OutputFile("video"),
    help="FACE-talking.mp4 if not given. MP4, MOV, WebM or GIF, as the name ends.",
)
@click.option(
    "--quality",
    type=click.Choice(QUALITIES),
    default="standard",
    metavar="HOW",
    help="standard (the default); for those who cut on: prores (422 HQ, in a MOV), or lossless "
    "(H.264 in a MOV or MP4).",
)
@integer("--person", 1, 10_000, "N", "Who speaks VOICE, as `mouth faces` counts.")
@click.option(
    "--speaker",
    "speakers",
    type=SpeakerType(),
    multiple=True,
    metavar="N=VOICE[@SECONDS][+DBdB]",
    help="Person N speaks this as well, from so many seconds on, so much louder or softer; "
    "as often as needed: --speaker 1=hers.mp3 --speaker 2=his.mp3@3.2-2dB",
)
@click.option(
    "--checkpoint", "--checkpoint-path", type=LIP_SYNC, metavar="NAME", help="A name, or a file."
)
@click.option("--sync-mode", type=click.Choice(SYNC_MODES), metavar="MODE", help=SYNC_MODE_HELP)
@flag("--overlay", "Keep the video's own sound under the voice.")
@click.option(
    "--soundtrack-gain",
    type=FiniteRange(-60, 60),
    metavar="DB",
    help="How much louder that is (-6).",
)
@flag("--no-level-voices", "Leave several voices as loud as they are.")
@four_numbers(
    "--pads",
    click.IntRange(-LARGEST_SIDE, LARGEST_SIDE),
    "T B L R",
    "Widen the face box by so many pixels.",
)
@four_numbers(
    "--box",
    FiniteRange(-LARGEST_SIDE, LARGEST_SIDE),
    "X1 Y1 X2 Y2",
    "The face is here, in every frame.",
    callback=_check_box,
)
@click.option(
    "--fps",
    type=FrameRate(),
    metavar="F",
    help="Frames a second of a video made of a still (25).",
)
@click.option("--no-smooth", "--nosmooth", is_flag=True, help="Leave the face box unsteadied.")
@click.option(
    "--badge",
    type=click.Choice(PLACES),
    help="Corner of the small mark that says that the video is made by a machine (bottom-right).",
)
@click.option(
    "--smile", type=FiniteRange(0, 1), metavar="S", help="How much of a smile stays: 0 to 1 (0.6)."
)
@click.option(
    "--strength",
    type=FiniteRange(0.5, 1.5),
    metavar="K",
    help="How far the mouth moves: 0.5 to 1.5 (1).",
)
@flag("--no-blend", "Let the drawing end hard at the edge of its box.")
@integer("--wav2lip-batch-size", 1, 1024, "N", "Faces moved at a time.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    metavar="HOW",
    help="auto (as fast as it can, the default), half (within a level or two), fp32 (exact), int8.",
)
@click.option(
    "--batch",
    "listed",
    type=FILE,
    metavar="CSV",
    help="Make a video for each line of this list. Its first line names the columns: face, voice, "
    "output, and any other option without dashes.",
)
@flag("--force", "Overwrite a result that is there already.")
@flag("--quiet", "Print the name of the result, or what failed, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a line for each result.")
@source_options
@click.pass_context
def animate(
    context: click.Context, listed: Path | None, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Make the mouth in FACE, a picture or video, move to VOICE, a sound.

    When several people speak, name them with --speaker; VOICE may be left out then.
    """
    if listed is None:
        made = _make(Request.from_parameters(**given), Console(quiet))
        click.echo(json.dumps(made) if as_json else made["output"])
        return
    if given["face"] is not None:
        raise click.UsageError("Give either FACE and VOICE, or a list of them with --batch.")
    failed = 0
    for row in batch.read_rows(listed, context):
        try:
            made = _make(row.request, Console(quiet))
        except (NamedError, OSError, click.UsageError) as error:
            if (named := failures.named(error)) is None:
                raise
            failed += 1
            _print_failure(listed, row.line, named, as_json)
        else:
            click.echo(json.dumps({"line": row.line, **made}) if as_json else made["output"])
    context.exit(1 if failed else 0)


def _print_failure(listed: Path, line: int, error: NamedError, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"line": line, "error": error.as_dict()}))
    else:
        click.echo(f"{listed}, line {line}: {error.as_text()}", err=True)


def _make(request: Request, console: Console) -> dict[str, Any]:
    """Make a video, and say what there is to say of it; what --json prints."""
    from commands import local_job
    from jobs import signing
    from media.encoding import output_notes
    from media.sound import keep_decoded
    from processes.openmp import thread_count, wait_passively
    from rendering import models, spec
    from rendering.animate import animate as render
    from rendering.options import option_notes
    from rendering.speech_notes import speech_notes
    from rendering.visibility import not_animated

    settings, speeches = from_environment(), request.speeches
    with keep_decoded():
        source = local_job.open_source(request.face, request.options, settings)
        durations = [
            local_job.voice_duration(each.voice, settings, each.start) for each in speeches
        ]
        ends = [each.start + length for each, length in zip(speeches, durations, strict=True)]
        wait_passively(os.environ)
        threads = thread_count(os.environ)
        engine = models.engine_for(source, request.precision or settings.precision, threads)
        frames = spec.frames_to_detect(source, ends)
        console.source_notes(source.info)
        for note in option_notes(source.options, source.info.kind, engine.architecture):
            console.note(note)
        for note in output_notes(request.encoding, *source.size):
            console.note(note)
        if frames < source.frames and not source.is_fixed and speeches[-1].person is not None:
            shown = f"{float(frames / source.fps):.6g}"
            console.note(f"Only {shown} seconds are shown. {COUNTED.format(shown)}")
        with console.progress(frames, "looking for faces") as progress:
            persons = local_job.find_persons(source, frames, settings, progress)
        voices = tuple(
            spec.VoiceTrack(
                each.voice,
                local_job.choose_speaker(persons, each.person),
                length,
                each.start,
                each.gain,
            )
            for each, length in zip(speeches, durations, strict=True)
        )
        render_spec = spec.RenderSpec(source, voices, tuple(persons))
        certificate = signing.certificate(settings)
        with console.progress(render_spec.frames, "moving the mouth") as progress:
            render(
                render_spec,
                request.output,
                engine,
                settings.segment_seconds,
                certificate,
                progress,
                request.quality,
            )
        for note in speech_notes(render_spec):
            console.note(note)
    missed = not_animated(render_spec)
    for each in missed:
        span = f"from {each.start:g} to {each.stop:g} seconds"
        console.note(
            f"person {each.person} is {each.reason.replace('-', ' ')} {span}: left as it is"
        )
    return {
        "output": str(request.output),
        "frames": render_spec.frames,
        "fps": float(render_spec.fps),
        "duration": round(float(render_spec.frames / render_spec.fps), 3),
        "speakers": sorted({each.person for each in voices}),
        "not_animated": [each.to_dict() for each in missed],
        "notes": console.notes,
    }
