"""Prepared clips to lists for training, validation and test, split by person.

A network that has seen a face in training copies it in a test. So a person who is in one list is in
no other, whatever the clips are called.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from dataset.prepare import LISTS, write_lists
from dataset.report import Report
from dataset.worklist import Done, Outcome, Task, run_tasks
from face_detection.identity import embedding
from face_detection.landmarks import fit_box, landmarks
from media.errors import NamedError
from media.pictures import read_picture

# Clips whose embeddings are closer than this are of one person. Measured on 2050 clips of 119
# persons: one person is split in two, and six times two or three who look alike become one.
SAME_PERSON = 0.42
# The distances of all pairs are in memory at once: 1.6 GB for this number.
MAX_CLIPS = 20_000
# Clips shown of each person in the report.
THUMBNAILS = 8


def main(
    prepared: Path,
    ratios: tuple[float, float, float] = (0.9, 0.05, 0.05),
    seed: int = 0,
    by_folder: bool = False,
    processes: int = 1,
) -> Report:
    """Write `prepared`/filelists/train.txt, val.txt, test.txt, split in the `ratios` of duration.

    Persons are told apart by their faces; with `by_folder` each folder is one person. Raises
    NamedError: no-clips, too-many-clips, bad-shares.
    """
    if min(ratios) < 0 or ratios[0] <= 0:
        problem = f"{ratios} are no shares: some are negative, or nothing is left for training."
        raise NamedError("bad-shares", problem, "Give three numbers such as 0.9 0.05 0.05.")
    clips = _clips(prepared)
    out = prepared / "filelists"
    settings = {"command": "split", "shares": ratios, "seed": seed, "by_folder": by_folder}
    tasks = [Task(name, path / "audio.wav", str(path)) for name, path in clips.items()]
    done = run_tasks(tasks, _measure, out, "faces", {"command": "split"}, processes)
    found = {each.name: each for each in done.outcomes}
    if by_folder:
        labels = [name.split("/")[0] for name in found]
    else:
        labels = persons([each.facts["embedding"] for each in found.values()])
    members: dict[str, list[Outcome]] = {}
    for clip, label in zip(found.values(), labels, strict=True):
        members.setdefault(label, []).append(clip)
    chosen = assign({person: _seconds(clips) for person, clips in members.items()}, ratios, seed)
    new = write_lists(
        prepared,
        {key: sorted(clip.name for who in chosen[key] for clip in members[who]) for key in LISTS},
    )
    return _report(out, settings, chosen, members, done.fresh + new).write()


def persons(embeddings: Iterable[list[float]]) -> list[str]:
    """A name of the person of each embedding (128 numbers), by single-linkage clustering.

    Clusters are cut at the distance SAME_PERSON. Raises NamedError `too-many-clips`.
    """
    known = np.array(list(embeddings))
    if len(known) > MAX_CLIPS:
        raise NamedError(
            "too-many-clips",
            f"{len(known)} clips are too many to compare all their faces.",
            "Sort them into a folder a person and split with --by-folder.",
        )
    if len(known) < 2:
        return ["person 1"] * len(known)
    found = fcluster(linkage(known, "single"), SAME_PERSON, "distance")
    numbers = {cluster: n for n, cluster in enumerate(dict.fromkeys(found.tolist()), start=1)}
    return [f"person {numbers[cluster]}" for cluster in found.tolist()]


def assign(
    seconds: Mapping[str, float], ratios: tuple[float, float, float], seed: int
) -> dict[str, list[str]]:
    """The persons of each list; `seconds` is the duration of each person's clips.

    In an order that `seed` decides, each person goes to the list that lacks most. No list with a
    ratio above 0 stays empty as long as there are persons, training first.
    """
    order = sorted(seconds)
    np.random.default_rng(seed).shuffle(order)
    total = sum(seconds.values()) * np.array(ratios) / sum(ratios)
    lists: dict[str, list[str]] = {name: [] for name in LISTS}
    # First the persons who would fill a small list several times, the longest before the others.
    small = min(total[total > 0])
    order.sort(key=lambda person: -seconds[person] if seconds[person] > small else 0.0)
    for place, person in enumerate(order):
        left = len(order) - place
        empty = [i for i, name in enumerate(LISTS) if ratios[i] > 0 and not lists[name]]
        missing = [
            total[i] - sum(seconds[each] for each in lists[name]) for i, name in enumerate(LISTS)
        ]
        best = empty[0] if len(empty) >= left else int(np.argmax(missing))
        lists[LISTS[best]].append(person)
    return lists


def _report(
    out: Path,
    settings: dict[str, Any],
    chosen: Mapping[str, Sequence[str]],
    members: Mapping[str, Sequence[Outcome]],
    fresh: int,
) -> Report:
    """Persons and minutes of each list, and some faces of each person to check."""
    clips, notes, pictures = [], [], {}
    for key in LISTS:
        inside = [clip for person in chosen[key] for clip in members[person]]
        notes.append(
            f"{key}.txt: {len(chosen[key])} persons, {len(inside)} clips, "
            f"{_seconds(inside) / 60:.1f} min"
        )
        for person in chosen[key]:
            shown = [f"../{clip.name}/0.jpg" for clip in members[person][:THUMBNAILS]]
            pictures[f"{key}: {person}, {len(members[person])} clips"] = shown
            clips += [
                Outcome(
                    clip.name,
                    facts={"list": key, "person": person, "seconds": clip.facts["seconds"]},
                )
                for clip in members[person]
            ]
    if any(ratio and not chosen[key] for key, ratio in zip(LISTS, settings["shares"], strict=True)):
        notes.append(
            "There are too few persons for all lists. To learn one person, sort the clips into a "
            "folder a recording, and split with --by-folder."
        )
    return Report("split", out, settings, Done(clips, fresh), [], notes, pictures)


def _clips(prepared: Path) -> dict[str, Path]:
    found = {
        f"{path.parent.parent.name}/{path.parent.name}": path.parent
        for path in sorted(prepared.glob("[!.]*/*/audio.wav"))
    }
    if not found:
        problem = f"There are no prepared clips in {prepared}."
        raise NamedError("no-clips", problem, "Make some: mouth dataset prepare CLIPS PREPARED.")
    return found


def _measure(task: Task) -> Outcome:
    folder = Path(task.what)
    with wave.open(str(folder / "audio.wav"), "rb") as file:
        seconds = file.getnframes() / file.getframerate()
    kept = folder / "identity.npy"
    known = np.load(kept) if kept.exists() else _identity(folder)
    return Outcome(facts={"embedding": known.tolist(), "seconds": round(seconds, 3)})


def _identity(folder: Path) -> np.ndarray:
    """The mean embedding (128,) of three faces of a clip that another program prepared."""
    pictures = sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem))
    embeddings = []
    for path in pictures[:: max(len(pictures) // 3, 1)][:3]:
        face = read_picture(path)
        height, width = face.shape[:2]
        embeddings.append(embedding(face, fit_box(landmarks(face, (0, 0, width, height)))))
    return np.mean(embeddings, axis=0)


def _seconds(clips: Iterable[Outcome]) -> float:
    return sum(float(clip.facts["seconds"]) for clip in clips)
