"""A region of every clip: one of two speakers side by side, or a picture in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dataset.footage import rate_and_frames, videos, write_clip, write_sound
from dataset.report import Report
from dataset.worklist import Dropped, Outcome, Task, placing, work
from media.errors import NamedError
from media.video import read_frames

Half = Literal["left", "right", "top", "bottom"]
HALVES: tuple[Half, ...] = get_args(Half)
# Left, top, width and height in pixels.
Region = tuple[int, int, int, int]


def main(clips: Path, out: Path, region: Region | Half, processes: int = 1) -> Report:
    """Cut a region, or a half, out of every clip of `clips`; `out` holds clips of the same names.

    Raises NamedError `bad-region`, `no-clips`, `same-folder`, `same-name`.
    """
    if not isinstance(region, str) and (min(region) < 0 or min(region[2:]) < 2):
        problem = f"{region} is no region of a picture."
        raise NamedError("bad-region", problem, "Give left, top, width and height in pixels.")
    settings = {"command": "crop", "clips": str(clips.absolute()), "region": region}
    tasks = [Task(name, path) for name, path in videos(clips, out).items()]
    done = work(tasks, partial(_crop, out=out, region=region), out, "journal", settings, processes)
    return Report("crop", out, settings, done).write()


def rectangle(region: Region | Half, width: int, height: int) -> Region:
    """The region in a picture of this size. Raises `Dropped` where it reaches outside."""
    halves = {
        "left": (0, 0, width // 2, height),
        "right": (width - width // 2, 0, width // 2, height),
        "top": (0, 0, width, height // 2),
        "bottom": (0, height - height // 2, width, height // 2),
    }
    x, y, w, h = halves[region] if isinstance(region, str) else region
    if x + w > width or y + h > height:
        raise Dropped(f"the region reaches outside: the picture has {width} x {height} pixels")
    return x, y, w, h


def _crop(task: Task, out: Path, region: Region | Half) -> Outcome:
    fps, frames = rate_and_frames(task.source)
    name = f"{task.name}.mp4"
    with placing(out, name) as path:
        sound = path.with_suffix(".wav")
        write_sound(sound, task.source, Fraction(0), frames / fps)
        write_clip(path, _cropped(read_frames(task.source), region), fps, sound)
        sound.unlink()
    return Outcome(made=(name,), facts={"seconds": round(float(frames / fps), 3)})


def _cropped(frames: Iterator[np.ndarray], region: Region | Half) -> Iterator[np.ndarray]:
    for frame in frames:
        x, y, width, height = rectangle(region, frame.shape[1], frame.shape[0])
        yield frame[y : y + height, x : x + width]
