"""`mouth animate`: a face and a voice to a video, without a server."""

import os
from pathlib import Path
from typing import Any

import click

from commands.console import ProgressBar, check_overwrites_none, print_notes
from commands.options import flag, four_numbers, integer, source_options
from commands.param_types import FILE, FrameRate, OutputFile
from commands.speaker import SpeakerType, Speech
from jobs.settings import PRECISIONS, from_environment
from media.badge import PLACES
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
@click.argument("face", type=FILE)
@click.argument("voice", type=FILE, required=False)
@click.option(
    "-o", "--output", "--outfile", type=OutputFile(), help="FACE-talking.mp4 if not given."
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
@source_options
def animate(
    face: Path,
    voice: Path | None,
    output: Path | None,
    person: int | None,
    speakers: tuple[Speech, ...],
    no_smooth: bool,
    no_blend: bool,
    precision: str | None,
    **options: Any,
) -> None:
    """Make the mouth in FACE, a picture or video, move to VOICE, a sound.

    When several people speak, name them with --speaker; VOICE may be left out then.
    """
    from commands import local_job
    from jobs import signing
    from media.sound import keep_decoded
    from processes.openmp import thread_count, wait_passively
    from rendering import models, spec
    from rendering.animate import animate as render
    from rendering.visibility import not_animated

    speeches = [*([Speech(voice, person)] if voice else []), *speakers]
    if not speeches:
        raise click.UsageError("Give a VOICE, or at least one --speaker.")
    if person is not None and voice is None:
        raise click.UsageError("--person says who speaks VOICE, which is not there.")
    settings = from_environment()
    click.get_current_context().with_resource(keep_decoded())
    output = output or Path(f"{face.stem}-talking.mp4")
    check_overwrites_none(output, face, *(each.voice for each in speeches))
    options |= {"smooth": not no_smooth, "blend": not no_blend}
    source = local_job.open_source(face, options, settings)
    durations = [local_job.voice_duration(each.voice, settings, each.start) for each in speeches]
    ends = [each.start + length for each, length in zip(speeches, durations, strict=True)]
    wait_passively(os.environ)
    threads = thread_count(os.environ)
    engine = models.engine_for(source, precision or settings.precision, threads)
    frames = spec.frames_to_detect(source, ends)
    print_notes(source.info)
    if frames < source.frames and not source.is_fixed and speeches[-1].person is not None:
        shown = f"{float(frames / source.fps):.6g}"
        click.echo(f"Only {shown} seconds are shown. {COUNTED.format(shown)}", err=True)
    with ProgressBar(frames, "looking for faces") as progress:
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
    with ProgressBar(render_spec.frames, "moving the mouth") as progress:
        render(render_spec, output, engine, settings.segment_seconds, certificate, progress)
    for each in not_animated(render_spec):
        span = f"from {each.start:g} to {each.stop:g} seconds"
        click.echo(f"person {each.person} is {each.reason} {span}: left as it is", err=True)
    click.echo(output)
