"""Prepared clips in memory: who is on them, what their mouths do, who is held out."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from media.errors import NamedError
from wav2lip import clip_table
from wav2lip.compact import mouth_shape

# Embeddings closer than this are one person (dlib advises 0.6, which joins lookalikes).
SAME_PERSON = 0.42
# A clip of fewer frames is too short to tell a resting mouth: its person's clips are pooled.
SHORT_CLIP = 100
# Clips to validate on where no person is held out.
VALIDATION_CLIPS = 24
# Of the persons, every tenth is held out where no table says who.
HELD_OUT_EVERY = 10


@dataclass(frozen=True)
class Clip:
    """One prepared clip of n frames at 25 a second."""

    path: Path
    name: str
    person: str
    held_out: bool
    points: np.ndarray  # (n, 68, 2) float32, pixels of the stored crops
    raw: np.ndarray  # (n, 8) float32, mouth_shape.measure
    mel: np.ndarray  # (80, T) float32, T = 0 without sound
    rest: np.ndarray  # (8,) the resting mouth of the clip's group
    group: str  # the clips of one resting mouth: one clip, or a person's short clips

    def crops(self) -> np.ndarray:
        """The stored faces, RGB uint8 (n, 128, 128, 3)."""
        with np.load(self.path) as arrays:
            return arrays["crops"]

    def samples(self) -> np.ndarray:
        """The sound that begins with the first frame, 16 kHz, (k,) float32 in -1..1.

        Raises NamedError `nothing-prepared` where the clip was prepared without.
        """
        with np.load(self.path) as arrays:
            if "samples" not in arrays:
                raise nothing(f"{self.path} was prepared by an older version, without its sound.")
            return arrays["samples"].astype(np.float32) / 32767


@dataclass(frozen=True)
class Split:
    """The clips to learn from, and those to validate on."""

    train: list[Clip]
    validation: list[Clip]
    unseen: bool  # whether no person to validate on is learned from


def load(prepared: Path, table: Path | None = None) -> list[Clip]:
    """All clips of a folder that wav2lip.training.prepare wrote, in the order of their names.

    Persons and held-out persons are those of `table` (clips.csv: file, person, held_out yes / no).
    Without it persons are found by clustering identity embeddings, and every tenth is held out. A
    person is held out as a whole: clips recur under other names. Raises NamedError
    `nothing-prepared` where there is no clip, and `bad-list` as `clip_table.read` or where the
    table lacks one.
    """
    paths = sorted(prepared.glob("*.npz"))
    if not paths:
        raise nothing(f"Nothing in {prepared} can be learned from.")
    rows, embeddings = [], []
    for path in paths:
        with np.load(path) as arrays:
            rows.append({key: arrays[key] for key in ("clip", "points", "raw", "mel")})
            embeddings.append(arrays["embedding"])
    names = [str(row["clip"]) for row in rows]
    persons, held_out = _from_table(names, table) if table else _by_face(np.array(embeddings))
    clips = [
        Clip(
            path=path,
            name=name,
            person=person,
            held_out=person in held_out,
            points=row["points"].astype(np.float32),
            raw=row["raw"],
            mel=row["mel"].astype(np.float32),
            rest=np.zeros(mouth_shape.COUNT, np.float32),
            group=f"person {person}" if len(row["raw"]) < SHORT_CLIP else name,
        )
        for path, name, person, row in zip(paths, names, persons, rows, strict=True)
    ]
    return _with_rest(clips)


def held_out_split(clips: list[Clip], everyone: bool, patience: int) -> Split:
    """All clips but those of held-out persons to learn from, or those too with `everyone`.

    Raises NamedError `nobody-held-out` where `patience` is to stop a run early and there are no
    held-out persons to validate on, and `nothing-prepared` where no clip is left to learn from.
    """
    held_out = [clip for clip in clips if clip.held_out]
    unseen = bool(held_out) and not everyone
    if patience and not unseen:
        raise NamedError(
            "nobody-held-out",
            "Everybody is learned from: there is nobody to tell when to stop.",
            "Name persons as held out in a --table, or leave --patience away.",
        )
    train = [clip for clip in clips if everyone or not clip.held_out]
    if not train:
        raise nothing("No clip is left to learn from, without those held out.")
    return Split(train, held_out or train[:VALIDATION_CLIPS], unseen)


def nothing(problem: str) -> NamedError:
    """The error where no clip is of use."""
    return NamedError(
        "nothing-prepared",
        problem,
        "Give clips with sound in which a face stays in sight and its lips follow the sound.",
    )


def mouth_shape_unit(clips: list[Clip]) -> np.ndarray:
    """The unit of mouth shapes: the standard deviation of each length from its rest, (8,) float32,
    in the unit of `Clip.raw`.
    """
    return np.concatenate([clip.raw - clip.rest for clip in clips]).std(0).astype(np.float32)


def _with_rest(clips: list[Clip]) -> list[Clip]:
    grouped: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        grouped.setdefault(clip.group, []).append(clip.raw)
    rests = {group: mouth_shape.rest(np.concatenate(raws)) for group, raws in grouped.items()}
    return [replace(clip, rest=rests[clip.group]) for clip in clips]


def _from_table(names: list[str], table: Path) -> tuple[list[str], set[str]]:
    rows = clip_table.read(table).set_index("file")
    missing = sorted(set(names) - set(rows.index))
    if missing:
        problem = f"it has no row for {missing[0]} ({len(missing)} clips in all)"
        raise clip_table.unsuitable(table, problem)
    held_out = set(rows.person[rows.held_out == "yes"])
    return [str(rows.person[name]) for name in names], held_out


def _by_face(embeddings: np.ndarray) -> tuple[list[str], set[str]]:
    """Persons, and those held out: the connected components of similar faces (single linkage)."""
    person = np.arange(len(embeddings))
    for index, embedding in enumerate(embeddings):
        like = np.linalg.norm(embeddings - embedding, axis=1) < SAME_PERSON
        person[np.isin(person, person[like])] = person[index]
    names = [str(number) for number in person]
    everybody = sorted(set(names))
    # One speaker, as for a fine-tune, is there to be learned from.
    return names, set(everybody[::HELD_OUT_EVERY]) if len(everybody) > 1 else set()
