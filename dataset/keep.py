"""Keep only clips in which a known face is visible from the first to the last frame."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from dataset.footage import find_videos, link_or_copy
from dataset.people import (
    DETECTION_STRIDE,
    TOLERANCE,
    Scene,
    closest_person,
    detect_persons,
    detection_settings,
    faces_file,
    photo_embeddings,
    write_faces,
)
from dataset.report import Report
from dataset.worklist import Dropped, Outcome, Task, atomic_output, run_tasks
from face_detection.persons import Person


def main(
    clips: Path,
    out: Path,
    photographs: list[Path],
    tolerance: float = TOLERANCE,
    processes: int = 1,
) -> Report:
    """Keep the clips of `clips` that show the person of the `photographs` in all frames.

    A face is that person's if the distance of its embedding to one of the photographs' is at most
    `tolerance`. `out` gets clips of the same names, each with its face boxes in a CSV file. Raises
    NamedError: no-face-found, several-faces (on a photograph), no-clips, same-folder, same-name.
    """
    known = photo_embeddings(photographs)
    settings = {
        "command": "keep",
        "clips": str(clips.absolute()),
        **detection_settings(photographs),
        "tolerance": tolerance,
    }
    tasks = [Task(name, path) for name, path in find_videos(clips, out).items()]
    do = partial(_keep, out=out, known=known, tolerance=tolerance)
    done = run_tasks(tasks, do, out, "journal", settings, processes)
    return Report("keep", out, settings, done, ["distance"]).write()


def absence_reason(scene: Scene, person: Person) -> str:
    """Why a person is not visible in all frames; "" if it is."""
    away = next((n for n in range(scene.frames) if person.box_at(n) is None), None)
    if away is None:
        return ""
    # Detections are some frames apart: another face may be found only a little later.
    near = range(away, min(away + DETECTION_STRIDE, scene.frames))
    others = [each for each in scene.persons if each is not person]
    instead = any(other.box_at(n) is not None for other in others for n in near)
    what = "another face instead" if instead else "no face for a while"
    return f"{what}: from {float(away / scene.fps):.2f} s on"


def _keep(task: Task, out: Path, known: np.ndarray, tolerance: float) -> Outcome:
    scene = detect_persons(task.source)
    if not scene.persons:
        raise Dropped("no face")
    person, distance = closest_person(scene, known, tolerance)
    facts = {
        "distance": round(distance, 3),
        "people": len(scene.persons),
        "seconds": round(float(scene.frames / scene.fps), 3),
    }
    if reason := absence_reason(scene, person):
        return Outcome(reason=reason, facts=facts)
    name = f"{task.name}{task.source.suffix.lower()}"
    faces = faces_file(Path(name)).as_posix()
    with atomic_output(out, faces) as path:
        write_faces(path, person)
    with atomic_output(out, name) as path:
        link_or_copy(task.source, path)
    return Outcome(made=(name, faces), facts=facts)
