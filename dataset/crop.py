"""Crop all clips to a region: one of two speakers side by side, or a picture in a picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from dataset.footage import find_videos, rate_and_frames, write_clip, write_sound
from dataset.report import Report
from dataset.worklist import Dropped, Outcome, Task, atomic_output, run_tasks
from media.errors import NamedError
from media.video import read_frames

Half = Literal["left", "right", "top", "bottom"]
HALVES: tuple[Half, ...] = get_args(Half)
# Left, top, width and height in pixels.
Region = tuple[int, int, int, int]


def main(clips: Path, out: Path, region: Region | Half, processes: int = 1) -> Report:
    """Crop every clip of `clips` to a region in pixels, or a half; `out` gets clips of that name.

    Raises NamedError `bad-region`, `no-clips`, `same-folder`, `same-name`.
    """
    if not isinstance(region, str) and (min(region) < 0 or min(region[2:]) < 2):
        problem = f"{region} is no region of a picture."
        raise NamedError("bad-region", problem, "Give left, top, width and height in pixels.")
    settings = {"command": "crop", "clips": str(clips.absolute()), "region": region}
    tasks = [Task(name, path) for name, path in find_videos(clips, out).items()]
    do = partial(_crop, out=out, region=region)
    done = run_tasks(tasks, do, out, "journal", settings, processes)
    return Report("crop", out, settings, done).write()


def rectangle(region: Region | Half, width: int, height: int) -> Region:
    """The region of a frame of this size, in pixels. Raises `Dropped` if it reaches outside."""
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
    with atomic_output(out, name) as path:
        sound = path.with_suffix(".wav")
        write_sound(sound, task.source, Fraction(0), frames / fps)
        write_clip(path, _cropped(read_frames(task.source), region), fps, sound)
        sound.unlink()
    return Outcome(made=(name,), facts={"seconds": round(float(frames / fps), 3)})


def _cropped(frames: Iterator[np.ndarray], region: Region | Half) -> Iterator[np.ndarray]:
    for frame in frames:
        x, y, width, height = rectangle(region, frame.shape[1], frame.shape[0])
        yield frame[y : y + height, x : x + width]
