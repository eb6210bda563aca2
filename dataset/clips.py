"""Raw footage to clips: cut at silences, exact to the frame.

pydub finds the silences; frames are cut by `media`. (MoviePy 2.2 loses the offset of a soundtrack
that starts later than the picture, takes wrong frames at a variable frame rate, and counts frames
in floats, which drops the last one of some cuts at 29.97 frames a second.)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil, floor
from pathlib import Path
from shutil import rmtree

import numpy as np

from dataset.footage import cut_sound, find_videos, rate_and_frames, write_clip, write_sound
from dataset.report import Report
from dataset.worklist import Done, Dropped, Outcome, Task, atomic_output, run_tasks
from media.sound import read_sound, soundtrack_delay
from media.video import read_frames

with warnings.catch_warnings():
    # pydub warns that it finds no ffmpeg program; it gets samples here and needs none.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment
    from pydub.silence import detect_nonsilent

# Sample rate for the detection of silences: its level is all that counts.
_RATE = 16000
_STEP_MS = 10
_SOUND = ".sound"


@dataclass(frozen=True)
class CutOptions:
    """Where to cut: at silences, which are below `silence_db` of full scale for `silence_ms`.

    Speech that is longer than `longest` seconds is cut into pieces of `piece`; clips shorter than
    `shortest` are dropped.
    """

    silence_db: float = -40.0
    silence_ms: int = 400
    longest: float = 10.0
    piece: float = 5.0
    shortest: float = 1.0


def main(
    footage: Path, out: Path, cutting: CutOptions = CutOptions(), processes: int = 1
) -> Report:
    """Cut every video of `footage` into `out`/<video>/<first frame>-<frame after the last>.mp4.

    Raises NamedError as `find_videos` and `run_tasks` do.
    """
    settings = {"command": "clips", "footage": str(footage.absolute()), **asdict(cutting)}
    sources = find_videos(footage, out)
    tasks = [Task(name, path) for name, path in sources.items()]
    planned = run_tasks(tasks, partial(_plan, cutting=cutting), out, "plan", settings, processes)
    found = [
        Task(
            f"{plan.name}/{start:06d}-{stop:06d}",
            sources[plan.name],
            [plan.name, start, stop, *plan.facts["fps, frames"]],
        )
        for plan in planned.outcomes
        for start, stop in plan.facts.get("pieces", [])
    ]
    do = partial(_cut, out=out, cutting=cutting)
    cut = run_tasks(found, do, out, "journal", settings, processes)
    rmtree(out / _SOUND, ignore_errors=True)
    useless = [replace(plan, facts={}) for plan in planned.outcomes if plan.reason]
    seconds = sum(plan.facts.get("length", 0.0) for plan in planned.outcomes)
    note = f"{len(sources)} videos, {seconds / 60:.1f} min, were searched."
    done = Done([*useless, *cut.outcomes], planned.fresh + cut.fresh)
    return Report("clips", out, settings, done, ["seconds"], [note]).write()


def nonsilent_spans(path: Path, cutting: CutOptions) -> Iterator[tuple[Fraction, Fraction]]:
    """The intervals of a video that are not silent, in seconds of it. Raises MediaError."""
    samples = np.rint(read_sound(path, _RATE).clip(-1, 1) * 32767).astype("<i2")
    segment = AudioSegment(samples.tobytes(), sample_width=2, frame_rate=_RATE, channels=1)
    delay = soundtrack_delay(path)
    for begin, end in detect_nonsilent(
        segment, cutting.silence_ms, cutting.silence_db, seek_step=_STEP_MS
    ):
        yield Fraction(begin, 1000) + delay, Fraction(end, 1000) + delay


def split_span(
    span: tuple[Fraction, Fraction], fps: Fraction, frames: int, cutting: CutOptions
) -> Iterator[tuple[int, int]]:
    """The clips of a `span` in seconds, of a video of `frames` frames: first and last frame + 1."""
    start, stop = max(floor(span[0] * fps), 0), min(ceil(span[1] * fps), frames)
    length = stop - start
    step = length if length <= cutting.longest * fps else max(round(cutting.piece * fps), 1)
    while start < stop:
        yield start, min(start + step, stop)
        start += step


def _plan(task: Task, cutting: CutOptions) -> Outcome:
    fps, frames = rate_and_frames(task.source)
    found = [
        piece
        for span in nonsilent_spans(task.source, cutting)
        for piece in split_span(span, fps, frames, cutting)
    ]
    facts = {"pieces": found, "fps, frames": [str(fps), frames], "length": float(frames / fps)}
    return Outcome(reason="" if found else "nothing but silence", facts=facts)


def _cut(task: Task, out: Path, cutting: CutOptions) -> Outcome:
    footage, start, stop, rate, frames = task.what
    fps = Fraction(rate)
    seconds = (stop - start) / fps
    if seconds < Fraction(cutting.shortest):
        raise Dropped(f"shorter than {cutting.shortest:g} s")
    whole = out / _SOUND / f"{footage}.wav"
    if not whole.exists():
        with atomic_output(out, whole.relative_to(out).as_posix()) as path:
            write_sound(path, task.source, Fraction(0), frames / fps)
    name = f"{task.name}.mp4"
    with atomic_output(out, name) as path:
        sound = path.with_suffix(".wav")
        cut_sound(sound, whole, start / fps, seconds)
        write_clip(path, read_frames(task.source, start, stop, fps), fps, sound)
        sound.unlink()
    return Outcome(made=(name,), facts={"seconds": round(float(seconds), 3)})
