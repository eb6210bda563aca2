"""Who is to be seen in a clip, and which of them it is about.

What was found lies beside a clip as <clip>.faces.csv, so that later steps need not look again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dataset.footage import rate_and_frames
from dataset.worklist import Dropped, device
from face_detection.detection import Detection
from face_detection.detectors import Detector, default_detector, load_detector
from face_detection.errors import no_face_found
from face_detection.identity import embedding, identity_from
from face_detection.persons import Person, from_csv, link, to_csv
from face_detection.shots import cuts, signature
from media.errors import MediaError, NamedError
from media.pictures import read_picture
from media.probe import content_hash
from media.timeline import round_half_up
from media.video import read_frames, read_frames_at
from wav2lip.rotated_box import level

# Faces are looked for in every third frame; one that is missed there is bridged by its neighbours.
EVERY = 3
# Looks at one person whose embeddings are averaged.
LOOKS = 5
# From photograph to video a face changes more than within one: measured on averages of `LOOKS`.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Scene:
    """A clip of `frames` frames and everybody in it."""

    path: Path
    persons: list[Person]
    frames: int
    fps: Fraction


def look_at(path: Path) -> Scene:
    """Everybody in a clip. Raises MediaError."""
    fps, _ = rate_and_frames(path)
    found, places, signatures = _searched(read_frames(path), _detector())
    frames = len(signatures)
    shots = cuts(np.array(signatures), fps)

    def read(samples: Sequence[int]) -> Iterable[np.ndarray]:
        return read_frames_at(path, [places[sample] for sample in samples], fps)

    # To `link`, what was searched is a video of a lower rate.
    sampled = np.searchsorted(places, shots).tolist()
    persons = [
        replace(person, frames=np.array(places)[person.frames], fps=fps, cuts=tuple(shots))
        for person in link(found, fps / EVERY, sampled, identity_from(read))
    ]
    return Scene(path, persons, frames, fps)


def subject(path: Path, known: np.ndarray | None = None, tolerance: float = TOLERANCE) -> Scene:
    """The clip with the one person it is about: as kept beside it, or known, or the only one.

    Raises Dropped where there is none, or several and nobody is `known` (n, 128), and MediaError.
    """
    kept = faces_file(path)
    if kept.exists():
        fps, frames = rate_and_frames(path)
        return Scene(path, from_csv(kept.read_text(encoding="utf-8")), frames, fps)
    scene = look_at(path)
    if not scene.persons:
        raise Dropped("no face")
    if known is not None:
        return replace(scene, persons=[nearest(scene, known, tolerance)[0]])
    if len(scene.persons) > 1:
        raise Dropped(f"several people: {len(scene.persons)}, nobody says who is meant")
    return scene


@dataclass(frozen=True)
class Stretch:
    """A run of frames, at some rate, with a person in sight: the first, boxes and rolls in each."""

    first: int
    boxes: np.ndarray  # (n, 4) float32
    rolls: np.ndarray  # (n,) float32, degrees

    def __len__(self) -> int:
        return len(self.boxes)

    def upright(self, number: int, frame: np.ndarray) -> np.ndarray:
        """A frame, turned about the box in it by as much as the head leans."""
        box, roll = self.boxes[number].astype(float), float(self.rolls[number])
        if not roll:
            return frame
        size = frame.shape[1], frame.shape[0]
        return cv2.warpAffine(frame, level(box, roll), size, borderMode=cv2.BORDER_REPLICATE)


def stretch(scene: Scene, person: Person, rate: Fraction) -> Stretch:
    """The longest run with a person in sight, within one shot, at a constant `rate`."""
    runs: list[tuple[int, int]] = []
    for start, stop in person.intervals:
        edges = [start, *(cut for cut in person.cuts if start < cut < stop), stop]
        runs += pairwise(edges)
    start, stop = max(runs, key=lambda run: run[1] - run[0])
    first, last = ceil(start * rate / scene.fps), floor((stop - 1) * rate / scene.fps)
    shown = [
        min(max(round_half_up(frame / rate * scene.fps), start), stop - 1)
        for frame in range(first, last + 1)
    ]
    boxes = np.array([person.box_at(frame) for frame in shown], np.float32).reshape(-1, 4)
    return Stretch(first, boxes, np.array([person.roll_at(f) for f in shown], np.float32))


def nearest(scene: Scene, known: np.ndarray, tolerance: float) -> tuple[Person, float]:
    """The person most like the `known` embeddings (n, 128), and how far off.

    Raises Dropped where nobody is within `tolerance`.
    """
    far = [
        (float(np.linalg.norm(known - looks_of(scene, person), axis=1).min()), person.id, person)
        for person in scene.persons
    ]
    distance, _, person = min(far)
    if distance > tolerance:
        raise Dropped(f"another face: the nearest is {distance:.2f} off")
    return person, distance


def looks_of(scene: Scene, person: Person) -> np.ndarray:
    """The mean embedding (128,) float32 of a person over some frames of the clip."""
    look = identity_from(lambda frames: read_frames_at(scene.path, frames, scene.fps))
    sightings = np.linspace(0, len(person.frames) - 1, min(LOOKS, len(person.frames))).round()
    looks = []
    for i in sightings.astype(int).tolist():
        x1, y1, x2, y2 = person.boxes[i].tolist()
        frame = int(person.frames[i])
        looks.append((frame, (x1, y1, x2, y2), person.roll_at(frame, smooth=False)))
    return look(looks).mean(axis=0)


def photographed(paths: Sequence[Path]) -> np.ndarray:
    """The embeddings (n, 128) of the persons on photographs of one face each.

    Raises NamedError: no-face-found, several-faces, MediaError.
    """
    return np.array([_face_on(path) for path in paths])


def described(photographs: Sequence[Path]) -> dict[str, Any]:
    """What besides the clips decides who is found in them, as JSON: part of a step's settings."""
    known = {str(path.absolute()): content_hash(path)[:12] for path in photographs}
    return {"photographs": known, "detector": default_detector()}


def faces_file(clip: Path) -> Path:
    """Where the faces of a clip are kept."""
    return clip.with_suffix(".faces.csv")


def keep_faces(path: Path, person: Person) -> None:
    """Write the faces of the person a clip is about to `path`."""
    path.write_text(to_csv([person]), encoding="utf-8")


def _face_on(path: Path) -> np.ndarray:
    try:
        picture = read_picture(path)
    except MediaError as error:
        problem = f"{path} is no photograph. {error.message}"
        raise NamedError(error.code, problem, error.remedy) from error
    (faces,) = load_detector(still=True).detect([picture])
    if not faces:
        raise NamedError("no-face-found", f"No face was found on {path}.", no_face_found().remedy)
    if len(faces) > 1:
        raise NamedError(
            "several-faces",
            f"There are {len(faces)} faces on {path}.",
            "Give a photograph that shows nobody else.",
        )
    return embedding(picture, faces[0].box, faces[0].roll)


def _searched(
    frames: Iterator[np.ndarray], detector: Detector
) -> tuple[list[list[Detection]], list[int], list[np.ndarray]]:
    """The faces in every third frame and the last, which frames those are, all signatures."""
    found: list[list[Detection]] = []
    places: list[int] = []
    signatures: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    frame = None
    for number, frame in enumerate(frames):
        signatures.append(signature(frame))
        if number % EVERY == 0:
            waiting.append(frame)
            places.append(number)
        if len(waiting) == detector.batch_size:
            found += detector.detect(waiting)
            waiting = []
    if frame is not None and places[-1] != len(signatures) - 1:
        waiting.append(frame)
        places.append(len(signatures) - 1)
    if waiting:
        found += detector.detect(waiting)
    return found, places, signatures


@lru_cache(maxsize=1)
def _detector() -> Detector:
    where = device()
    if where and default_detector() == "s3fd":
        from face_detection.s3fd import S3fdDetector

        return S3fdDetector(device=where)
    return load_detector()
