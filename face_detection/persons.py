"""Persons: the boxes that belong to one human, through the whole source."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import pandas as pd

from face_detection.detection import Box, Detection, iou
from face_detection.errors import face_too_small, no_face_found
from face_detection.smoothing import smoothed
from face_detection.tracks import Track, follow

# A face that is out of sight for less is taken to be still there.
BRIDGED_SECONDS = 0.3
# A track with fewer sightings is a false alarm, if there are longer ones.
FLEETING_SECONDS = 0.2
# A face that turns up where a person was last seen is that person.
SAME_PLACE_IOU = 0.3
# The lower half of a smaller face has no mouth to speak of.
LEAST_HEIGHT = 32

# Says which tracks are the same person. Place alone decides today.
Grouping = Callable[[Sequence[Track]], list[list[Track]]]


@dataclass(frozen=True, eq=False)
class Person:
    """One human: where they were seen, frame by frame.

    `id` counts from 1, `frames` (n,) int rises, `boxes` (n, 4) float32 and `scores` (n,) float32
    are the detections in those frames, `fps` is the source's rate (any, for a still).
    """

    id: int
    frames: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    fps: Fraction

    @property
    def score(self) -> float:
        """The detector's score in a usual frame."""
        return float(np.median(self.scores))

    @property
    def best_frame(self) -> int:
        """The frame that shows the person best: large, and surely a face."""
        heights = self.boxes[:, 3] - self.boxes[:, 1]
        return int(self.frames[np.argmax(self.scores * heights)])

    def box_at(self, frame: int, smooth: bool = True) -> Box | None:
        """The person's box in `frame`, or None while they are out of sight.

        Between sightings less than 0.3 s apart the box moves evenly. With `smooth` the jitter of
        the detector is taken out, without lag and never across a longer absence.
        """
        frames, raw, steady = self._visible
        at = int(np.searchsorted(frames, frame))
        if at == len(frames) or frames[at] != frame:
            return None
        x1, y1, x2, y2 = (steady if smooth else raw)[at].tolist()
        return x1, y1, x2, y2

    @property
    def seconds(self) -> float:
        """How long the person is in sight."""
        return float(len(self._visible[0]) / self.fps)

    @cached_property
    def _visible(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All frames with the person in sight, their boxes, and their boxes without jitter."""
        away = np.flatnonzero(np.diff(self.frames) > bridged_frames(self.fps)) + 1
        runs = []
        for seen in np.split(np.arange(len(self.frames)), away):
            known = self.frames[seen]
            frames = np.arange(known[0], known[-1] + 1)
            sides = [np.interp(frames, known, side) for side in self.boxes[seen].T]
            boxes = np.stack(sides, axis=1)
            runs.append((frames, boxes, smoothed(boxes, self.fps)))
        frames, raw, steady = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        return frames, raw, steady


def link(
    detections: Sequence[Sequence[Detection]],
    fps: Fraction = Fraction(25),
    same_person: Grouping | None = None,
) -> list[Person]:
    """The persons in `detections`, one list for each frame of the source.

    They are numbered from 1: in a still from left to right; in a video by their time in sight,
    to the second, then from left to right. Faces seen only for a moment are left out unless all
    are. `same_person` joins tracks to persons; by default those in the same place.
    """
    tracks = _lasting(follow(detections, bridged_frames(fps)), len(detections), fps)
    groups = (same_person or by_place)(tracks)
    persons = [_person(group, fps) for group in groups]
    persons.sort(key=_rank)
    return [
        Person(number, each.frames, each.boxes, each.scores, fps)
        for number, each in enumerate(persons, start=1)
    ]


def by_place(tracks: Sequence[Track]) -> list[list[Track]]:
    """Joins a track to the one that ended where it starts, if no other person was seen there."""
    persons: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: track.start):
        here = [person for person in persons if _was_last_at(person, track)]
        if len(here) == 1 and here[0][-1].end < track.start:
            here[0].append(track)
        else:
            persons.append([track])
    return persons


def require_faces(persons: Sequence[Person]) -> None:
    """Raise `no-face-found` without persons, `face-too-small` if none is ever large enough."""
    if not persons:
        raise no_face_found()
    tallest = max(float((p.boxes[:, 3] - p.boxes[:, 1]).max()) for p in persons)
    if tallest < LEAST_HEIGHT:
        raise face_too_small(tallest, LEAST_HEIGHT)


def to_csv(persons: Sequence[Person]) -> str:
    """The persons as text, for `from_csv`: a first line with the rate, then a row a sighting."""
    tables = [
        pd.DataFrame(p.boxes, columns=["x1", "y1", "x2", "y2"]).assign(
            person=p.id, frame=p.frames, score=p.scores
        )
        for p in persons
    ]
    columns = ["person", "frame", "x1", "y1", "x2", "y2", "score"]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    fps = persons[0].fps if persons else Fraction(25)
    return f"# fps={fps}\n" + table[columns].to_csv(index=False, lineterminator="\n")


def from_csv(text: str) -> list[Person]:
    """The persons that `to_csv` wrote, the same to the last bit."""
    first, _, rest = text.partition("\n")
    fps = Fraction(first.removeprefix("# fps="))
    table = pd.read_csv(io.StringIO(rest))
    return [
        Person(
            number,
            rows["frame"].to_numpy(np.int64),
            rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32),
            rows["score"].to_numpy(np.float32),
            fps,
        )
        for number in table["person"].unique().tolist()
        for rows in [table[table["person"] == number]]
    ]


def bridged_frames(fps: Fraction) -> int:
    """How many frames after a sighting the next may come for the person to be there between."""
    return max(int(BRIDGED_SECONDS * fps), 1)


def _lasting(tracks: list[Track], frames: int, fps: Fraction) -> list[Track]:
    # In a source of a few frames everything is brief: half of it is enough there.
    least = min(FLEETING_SECONDS * fps, frames / 2)
    return [track for track in tracks if len(track.frames) >= least] or tracks


def _was_last_at(person: Sequence[Track], track: Track) -> bool:
    before = [t for t in person if t.start < track.start]
    if not before:
        return False
    last = before[-1]
    seen = last.detections[int(np.searchsorted(last.frames, track.start)) - 1]
    return iou(seen.box, track.detections[0].box) >= SAME_PLACE_IOU


def _person(group: Sequence[Track], fps: Fraction) -> Person:
    frames = np.array([frame for track in group for frame in track.frames], np.int64)
    seen = [detection for track in group for detection in track.detections]
    boxes = np.array([detection.box for detection in seen], np.float32)
    scores = np.array([detection.score for detection in seen], np.float32)
    return Person(0, frames, boxes, scores, fps)


def _rank(person: Person) -> tuple[int, float]:
    centres = (person.boxes[:, 0] + person.boxes[:, 2]) / 2
    return -round(person.seconds), float(np.median(centres))
