"""The persons in a clip, and which of them it is about.

The face boxes of that person are kept next to a clip as <clip>.faces.csv, for later steps.
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

# Faces are detected in every third frame, and interpolated in between.
DETECTION_STRIDE = 3
# Frames of a person whose embeddings are averaged.
EMBEDDING_SAMPLES = 5
# Distance of embeddings up to which a photograph and a video show one person. It is more than
# within a video; measured on means of EMBEDDING_SAMPLES.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Scene:
    """A clip of `frames` frames and the persons in it."""

    path: Path
    persons: list[Person]
    frames: int
    fps: Fraction


def detect_persons(path: Path) -> Scene:
    """All persons in a clip, linked over its shots. Raises MediaError."""
    fps, _ = rate_and_frames(path)
    found, places, signatures = _detect_sampled(read_frames(path), _detector())
    frames = len(signatures)
    shots = cuts(np.array(signatures), fps)

    def read(samples: Sequence[int]) -> Iterable[np.ndarray]:
        return read_frames_at(path, [places[sample] for sample in samples], fps)

    # For `link`, the frames with detections are a video of a lower frame rate.
    sampled = np.searchsorted(places, shots).tolist()
    persons = [
        replace(person, frames=np.array(places)[person.frames], fps=fps, cuts=tuple(shots))
        for person in link(found, fps / DETECTION_STRIDE, sampled, identity_from(read))
    ]
    return Scene(path, persons, frames, fps)


def find_subject(
    path: Path, known: np.ndarray | None = None, tolerance: float = TOLERANCE
) -> Scene:
    """The clip with the one person it is about.

    That is the one of its faces file; else the one closest to the `known` embeddings (n, 128); else
    the only one. Raises Dropped if there is none or more than one, and MediaError.
    """
    kept = faces_file(path)
    if kept.exists():
        fps, frames = rate_and_frames(path)
        return Scene(path, from_csv(kept.read_text(encoding="utf-8")), frames, fps)
    scene = detect_persons(path)
    if not scene.persons:
        raise Dropped("no face")
    if known is not None:
        return replace(scene, persons=[closest_person(scene, known, tolerance)[0]])
    if len(scene.persons) > 1:
        raise Dropped(f"several people: {len(scene.persons)}, nobody says who is meant")
    return scene


@dataclass(frozen=True)
class FaceTrack:
    """Consecutive frames, at a constant frame rate, in which a person is visible."""

    first: int  # number of the first of the n frames in the clip, at that rate
    boxes: np.ndarray  # (n, 4) float32
    rolls: np.ndarray  # (n,) float32, degrees

    def __len__(self) -> int:
        return len(self.boxes)

    def upright(self, number: int, frame: np.ndarray) -> np.ndarray:
        """The frame (h, w, 3) of that number, rotated about its box so that the head is upright."""
        box, roll = self.boxes[number].astype(float), float(self.rolls[number])
        if not roll:
            return frame
        size = frame.shape[1], frame.shape[0]
        return cv2.warpAffine(frame, level(box, roll), size, borderMode=cv2.BORDER_REPLICATE)


def longest_track(scene: Scene, person: Person, rate: Fraction) -> FaceTrack:
    """The longest track of a person within one shot, resampled to `rate` frames a second."""
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
    return FaceTrack(first, boxes, np.array([person.roll_at(f) for f in shown], np.float32))


def closest_person(scene: Scene, known: np.ndarray, tolerance: float) -> tuple[Person, float]:
    """The person closest to one of the `known` embeddings (n, 128), and the distance.

    Raises Dropped if it is more than `tolerance`.
    """
    distances = []
    for person in scene.persons:
        apart = np.linalg.norm(known - mean_embedding(scene, person), axis=1).min()
        distances.append((float(apart), person.id, person))
    distance, _, person = min(distances)
    if distance > tolerance:
        raise Dropped(f"another face: the nearest is {distance:.2f} off")
    return person, distance


def mean_embedding(scene: Scene, person: Person) -> np.ndarray:
    """The mean embedding (128,) float32 of a person over some frames of the clip."""
    embed = identity_from(lambda frames: read_frames_at(scene.path, frames, scene.fps))
    count = min(EMBEDDING_SAMPLES, len(person.frames))
    samples = []
    for i in np.linspace(0, len(person.frames) - 1, count).round().astype(int).tolist():
        x1, y1, x2, y2 = person.boxes[i].tolist()
        frame = int(person.frames[i])
        samples.append((frame, (x1, y1, x2, y2), person.roll_at(frame, smooth=False)))
    return embed(samples).mean(axis=0)


def photo_embeddings(paths: Sequence[Path]) -> np.ndarray:
    """The embeddings (n, 128) of the faces on n photographs of one face each.

    Raises NamedError: no-face-found, several-faces, MediaError.
    """
    return np.array([_face_on(path) for path in paths])


def detection_settings(photographs: Sequence[Path]) -> dict[str, Any]:
    """What decides, besides the clips, who is found in them: JSON, part of a step's settings."""
    known = {str(path.absolute()): content_hash(path)[:12] for path in photographs}
    return {"photographs": known, "detector": default_detector()}


def faces_file(clip: Path) -> Path:
    """The file of a clip's face boxes."""
    return clip.with_suffix(".faces.csv")


def write_faces(path: Path, person: Person) -> None:
    """Write the face boxes of the person that a clip is about to `path`."""
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


def _detect_sampled(
    frames: Iterator[np.ndarray], detector: Detector
) -> tuple[list[list[Detection]], list[int], list[np.ndarray]]:
    """Detections in every third frame and the last, the numbers of these, all signatures."""
    found: list[list[Detection]] = []
    places: list[int] = []
    signatures: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    frame = None
    for number, frame in enumerate(frames):
        signatures.append(signature(frame))
        if number % DETECTION_STRIDE == 0:
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
