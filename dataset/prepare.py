"""Clips to the layout that Wav2Lip is trained on: a JPEG of the face for each frame, and a WAV.

PREPARED/<group>/<clip>/0.jpg, 1.jpg, ... at 25 a second, and audio.wav, 16 kHz mono, which begins
with 0.jpg: the layout of the original's preprocess.py, which LRS2's main/<group>/<clip>.mp4 leads
to. Beside them identity.npy, the embedding of the face, by which `split` tells persons apart.
"""

from __future__ import annotations

import wave
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from dataset.footage import find_videos, read_clip_sound
from dataset.people import (
    TOLERANCE,
    FaceTrack,
    detection_settings,
    find_subject,
    longest_track,
    mean_embedding,
    photo_embeddings,
)
from dataset.report import Report
from dataset.worklist import Dropped, Outcome, Task, atomic_output, run_tasks
from media.atomic import replacing
from media.errors import NamedError
from media.pictures import write_picture
from media.video import read_frames

FPS = Fraction(25)
SAMPLE_RATE = 16000
# Seconds: a window of five frames and its sound, and as much again elsewhere for a reference.
SHORTEST = 1.0
QUALITY = 95
LISTS = ("train", "val", "test")


def main(
    clips: Path,
    out: Path,
    photographs: list[Path] | None = None,
    tolerance: float = TOLERANCE,
    lists: Path | None = None,
    processes: int = 1,
    devices: tuple[str, ...] = (),
) -> Report:
    """Prepare every clip of `clips`: of its only person, or of the one on the `photographs`.

    With `lists`, a folder with train.txt, val.txt, test.txt as LRS2 has them, only the clips named
    there are prepared, and `out`/filelists names those that were. Each of `devices` gets a process
    of its own. Raises NamedError: no-clips, same-folder, same-name, no-lists.
    """
    known = photo_embeddings(photographs) if photographs else None
    settings = {
        "command": "prepare",
        "clips": str(clips.absolute()),
        **detection_settings(photographs or []),
        "tolerance": tolerance,
    }
    listed = read_lists(lists) if lists else None
    found = find_videos(clips, out)
    tasks = [Task(prepared_name(name, clips), path) for name, path in found.items()]
    notes = []
    if listed is not None:
        wanted = {name for names in listed.values() for name in names}
        tasks = [task for task in tasks if task.name in wanted]
        notes = [f"{len(wanted)} clips are listed, {len(wanted) - len(tasks)} of them not there."]
        if not tasks:
            raise _none_listed(clips)
    do = partial(_prepare, out=out, known=known, tolerance=tolerance)
    done = run_tasks(tasks, do, out, "journal", settings, processes, devices)
    report = Report("prepare", out, settings, done, ["seconds", "height"], notes)
    if listed is not None:
        made = {each.name for each in report.kept}
        write_lists(out, {key: [n for n in names if n in made] for key, names in listed.items()})
    return report.write()


def prepared_name(name: str, clips: Path) -> str:
    """<group>/<clip> for a clip's name in the folder `clips`, at any depth.

    Spaces become "_", since a name in a list ends at the first space.
    """
    *folders, clip = "_".join(name.split()).split("/")
    return f"{'-'.join(folders) or '_'.join(clips.resolve().name.split())}/{clip}"


def read_lists(folder: Path) -> dict[str, list[str]]:
    """The clips named in train.txt, val.txt, test.txt of a folder, of those that exist.

    A line is <group>/<clip>, and whatever follows a space. Raises NamedError `no-lists`.
    """
    found = {
        name: [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
        for name in LISTS
        if (path := folder / f"{name}.txt").is_file()
    }
    if not found:
        problem = f"There is no train.txt, val.txt or test.txt in {folder}."
        raise NamedError("no-lists", problem, "Give the folder that holds the lists.")
    return found


def write_lists(prepared: Path, lists: dict[str, list[str]]) -> int:
    """Write filelists/train.txt and so on, a clip a line; returns how many files have changed."""
    folder = prepared / "filelists"
    folder.mkdir(parents=True, exist_ok=True)
    new = 0
    for name, clips in lists.items():
        path, text = folder / f"{name}.txt", "".join(f"{clip}\n" for clip in clips)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with replacing(path) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
            new += 1
    return new


def _none_listed(clips: Path) -> NamedError:
    return NamedError(
        "no-clips",
        f"None of the clips that are listed is in {clips}.",
        "Give the folder in which the folders of the lists lie: of LRS2 that is `main`.",
    )


def _prepare(task: Task, out: Path, known: np.ndarray | None, tolerance: float) -> Outcome:
    scene = find_subject(task.source, known, tolerance)
    (person,) = scene.persons
    track = longest_track(scene, person, FPS)
    if len(track) < SHORTEST * FPS:
        raise Dropped(f"face in sight for less than {SHORTEST:g} s: {len(track)} frames")
    with atomic_output(out, task.name) as folder:
        folder.mkdir()
        seconds = _write_faces(folder, task.source, track) / FPS
        samples = read_clip_sound(task.source, track.first / FPS, seconds, SAMPLE_RATE)
        _write_wav(folder / "audio.wav", samples)
        np.save(folder / "identity.npy", mean_embedding(scene, person))
    facts = {
        "seconds": round(float(seconds), 3),
        "height": round(float(np.median(track.boxes[:, 3] - track.boxes[:, 1])), 1),
        "left out": round(float(scene.frames / scene.fps - seconds), 2),
    }
    return Outcome(made=(task.name,), facts=facts)


def _write_faces(folder: Path, clip: Path, track: FaceTrack) -> int:
    """Write the upright crop of the face of each frame; returns the number of frames."""
    number = 0
    frames = read_frames(clip, track.first, track.first + len(track), FPS)
    for number, (frame, box) in enumerate(zip(frames, track.boxes, strict=False), start=1):
        height, width = frame.shape[:2]
        x1, y1, x2, y2 = (round(side) for side in box.tolist())
        upright = track.upright(number - 1, frame)
        face = upright[max(y1, 0) : min(y2, height), max(x1, 0) : min(x2, width)]
        write_picture(folder / f"{number - 1}.jpg", np.ascontiguousarray(face), QUALITY)
    return number


def _write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.rint(samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
