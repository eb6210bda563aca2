"""Only the clips in which a known face is visible throughout."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from dataset.footage import link, videos
from dataset.people import (
    EVERY,
    TOLERANCE,
    Scene,
    described,
    faces_file,
    keep_faces,
    look_at,
    nearest,
    photographed,
)
from dataset.report import Report
from dataset.worklist import Dropped, Outcome, Task, placing, work
from face_detection.persons import Person


def main(
    clips: Path,
    out: Path,
    photographs: list[Path],
    tolerance: float = TOLERANCE,
    processes: int = 1,
) -> Report:
    """Keep the clips of `clips` that show a face of the `photographs` from end to end.

    `out` holds clips of the same names, and beside each where the face is. Raises NamedError:
    no-face-found, several-faces (of a photograph), no-clips, same-folder, same-name.
    """
    known = photographed(photographs)
    settings = {
        "command": "keep",
        "clips": str(clips.absolute()),
        **described(photographs),
        "tolerance": tolerance,
    }
    tasks = [Task(name, path) for name, path in videos(clips, out).items()]
    do = partial(_keep, out=out, known=known, tolerance=tolerance)
    done = work(tasks, do, out, "journal", settings, processes)
    return Report("keep", out, settings, done, ["distance"]).write()


def absence(scene: Scene, person: Person) -> str:
    """Why a person is not visible throughout, or nothing."""
    away = next((n for n in range(scene.frames) if person.box_at(n) is None), None)
    if away is None:
        return ""
    # Looks are some frames apart: somebody else may be seen only a little later.
    near = range(away, min(away + EVERY, scene.frames))
    others = [each for each in scene.persons if each is not person]
    instead = any(other.box_at(n) is not None for other in others for n in near)
    what = "another face instead" if instead else "no face for a while"
    return f"{what}: from {float(away / scene.fps):.2f} s on"


def _keep(task: Task, out: Path, known: np.ndarray, tolerance: float) -> Outcome:
    scene = look_at(task.source)
    if not scene.persons:
        raise Dropped("no face")
    person, distance = nearest(scene, known, tolerance)
    facts = {
        "distance": round(distance, 3),
        "people": len(scene.persons),
        "seconds": round(float(scene.frames / scene.fps), 3),
    }
    if reason := absence(scene, person):
        return Outcome(reason=reason, facts=facts)
    name = f"{task.name}{task.source.suffix.lower()}"
    faces = faces_file(Path(name)).as_posix()
    with placing(out, faces) as path:
        keep_faces(path, person)
    with placing(out, name) as path:
        link(task.source, path)
    return Outcome(made=(name, faces), facts=facts)
