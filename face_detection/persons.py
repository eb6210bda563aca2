"""Persons: the boxes that belong to one human, through the whole source."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from face_detection.clustering import group_tracks
from face_detection.detection import Box, Detection
from face_detection.errors import face_too_small, no_face_found
from face_detection.smoothing import smooth_angles, smooth_boxes
from face_detection.tracks import Track, follow

if TYPE_CHECKING:
    from face_detection.identity import Identity

# A shorter gap between sightings is interpolated.
BRIDGED_SECONDS = 0.3
# A person with fewer sightings is a false positive, if there are others.
FLEETING_SECONDS = 0.4
# How far a head reaches from the centre of its face, in halves of the face box.
HEAD_REACH = 2.0
# A face whose centre lies farther below the mean of a row, in heights of a face, is in the next.
ROW_HEIGHT = 0.8
# The lower half of a smaller face has no mouth to speak of.
LEAST_HEIGHT = 32


@dataclass(frozen=True, eq=False)
class Person:
    """One human: where they were seen, frame by frame.

    `id` counts from 1, `frames` (n,) int rises, `boxes` (n, 4) float32 and `scores` (n,) float32
    are the detections in those frames, `fps` is the source's rate (any, for a still), `cuts` are
    the first frames of shots. `rolls` and `yaws` (n,) float32 are degrees, see `Detection`; without
    them all are upright and face the camera.
    """

    id: int
    frames: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    fps: Fraction
    cuts: tuple[int, ...] = ()
    rolls: np.ndarray | None = None
    yaws: np.ndarray | None = None

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

        x1, y1, x2, y2 in pixels. Between sightings less than 0.3 s apart it is interpolated
        linearly. With `smooth` the jitter of the detector is removed, without lag and never across
        a cut, a leap or a longer absence (`smoothing`).
        """
        at = self._seen_at(frame)
        if at is None:
            return None
        x1, y1, x2, y2 = (self._visible.smooth if smooth else self._visible.raw)[at, :4].tolist()
        return x1, y1, x2, y2

    def roll_at(self, frame: int, smooth: bool = True) -> float:
        """The roll of the box in `frame`, in degrees; 0 while the person is out of sight."""
        at = self._seen_at(frame)
        if at is None:
            return 0.0
        return float((self._visible.smooth if smooth else self._visible.raw)[at, 4])

    @property
    def sightings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The frames (n,) with the person in sight, smoothed boxes (n, 4) and yaws (n,)."""
        return self._visible.frames, self._visible.smooth[:, :4], self._visible.smooth[:, 5]

    def _seen_at(self, frame: int) -> int | None:
        frames = self._visible.frames
        at = int(np.searchsorted(frames, frame))
        return at if at < len(frames) and frames[at] == frame else None

    @property
    def seconds(self) -> float:
        """How long the person is in sight."""
        return float(len(self._visible.frames) / self.fps)

    @cached_property
    def intervals(self) -> list[tuple[int, int]]:
        """The runs of frames, start to stop (exclusive), in which the person is in sight."""
        frames = self._visible.frames
        runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        return [(int(run[0]), int(run[-1]) + 1) for run in runs]

    @property
    def times(self) -> list[tuple[Fraction, Fraction]]:
        """`intervals` in seconds: the first starts when the person is first seen, and so on."""
        return [(start / self.fps, stop / self.fps) for start, stop in self.intervals]

    def visible_fraction(self, frames: int) -> float:
        """The fraction, 0..1, of a source of so many `frames` in which the person is in sight."""
        return len(self._visible.frames) / frames

    @cached_property
    def _visible(self) -> _Visible:
        away = np.diff(self.frames) > bridged_frames(self.fps)
        shots = np.searchsorted(self.cuts, self.frames, "right")
        breaks = np.flatnonzero(away | (np.diff(shots) > 0) | _leaps(self.boxes)) + 1
        rolls = np.zeros(len(self.frames)) if self.rolls is None else self.rolls
        yaws = np.zeros(len(self.frames)) if self.yaws is None else self.yaws
        places = np.column_stack([self.boxes, rolls, yaws])
        runs = []
        for seen in np.split(np.arange(len(self.frames)), breaks):
            known = self.frames[seen]
            frames = np.arange(known[0], known[-1] + 1)
            raw = np.stack([np.interp(frames, known, side) for side in places[seen].T], axis=1)
            boxes, angles = smooth_boxes(raw[:, :4], self.fps), smooth_angles(raw[:, 4:], self.fps)
            runs.append((frames, raw, np.column_stack([boxes, angles])))
        return _Visible(*(np.concatenate(parts) for parts in zip(*runs, strict=True)))


class _Visible(NamedTuple):
    """All frames with a person in sight, and x1, y1, x2, y2, roll, yaw in them."""

    frames: np.ndarray
    raw: np.ndarray
    smooth: np.ndarray


def link(
    detections: Sequence[Sequence[Detection]],
    fps: Fraction = Fraction(25),
    cuts: Sequence[int] = (),
    identity: Identity | None = None,
) -> list[Person]:
    """The persons in `detections`, one list for each frame of the source.

    They are numbered from 1: in a still in reading order, row by row from left to right; in a
    video by their time in sight, to the second, then in reading order. Faces seen only for a moment
    are left out unless all are. `cuts` are the first frames of shots, as `shots.cuts` finds them.
    `identity` gives the embeddings (`identity.identity_from`) that recognise faces across cuts and
    absences, and is called once; without it motion and place decide, within a shot.
    """
    cuts = sorted(cuts)
    tracks = follow(detections, bridged_frames(fps), cuts)
    groups = _lasting(group_tracks(tracks, cuts, fps, identity), len(detections), fps)
    persons = [_person(tracks, fps, cuts) for tracks in groups]
    persons.sort(key=_rounded_seconds, reverse=True)
    ordered = [
        person
        for _, alike in groupby(persons, key=_rounded_seconds)
        for person in in_reading_order(list(alike))
    ]
    return [replace(person, id=number) for number, person in enumerate(ordered, start=1)]


def in_reading_order(persons: Sequence[Person]) -> list[Person]:
    """`persons` row by row from the top, each row from left to right, by their median boxes.

    A face whose centre is at most ROW_HEIGHT of a face below the mean of a row belongs to it.
    """
    boxes = {person: np.median(person.boxes, axis=0) for person in persons}
    waiting = sorted(persons, key=lambda person: float(boxes[person][1] + boxes[person][3]))
    rows: list[list[Person]] = []
    for person in waiting:
        if rows:
            top, bottom = np.mean([boxes[other][[1, 3]] for other in rows[-1]], axis=0).tolist()
            below = (boxes[person][1] + boxes[person][3] - top - bottom) / 2
        if not rows or below > ROW_HEIGHT * (bottom - top):
            rows.append([])
        rows[-1].append(person)
    return [
        person
        for row in rows
        for person in sorted(row, key=lambda person: float(boxes[person][0] + boxes[person][2]))
    ]


def person_at(persons: Sequence[Person], frame: int, x: float, y: float) -> Person | None:
    """The person at pixel x, y of `frame`: the nearest one, or None where no head is.

    A head reaches half a face box beyond the box on each side.
    """
    near = []
    for person in persons:
        if box := person.box_at(frame):
            x1, y1, x2, y2 = box
            away = max(abs(2 * x - x1 - x2) / (x2 - x1), abs(2 * y - y1 - y2) / (y2 - y1))
            near.append((away, person.id, person))
    if not near:
        return None
    away, _, nearest = min(near)
    return nearest if away <= HEAD_REACH else None


def require_faces(persons: Sequence[Person]) -> None:
    """Raise `no-face-found` without persons, `face-too-small` if none is ever large enough."""
    if not persons:
        raise no_face_found()
    tallest = max(float((p.boxes[:, 3] - p.boxes[:, 1]).max()) for p in persons)
    if tallest < LEAST_HEIGHT:
        raise face_too_small(tallest, LEAST_HEIGHT)


def to_csv(persons: Sequence[Person]) -> str:
    """The persons as text for `from_csv`: a line with rate and cuts, then a row a sighting."""
    import pandas as pd  # half a second, at every start of the command line

    tables = [
        pd.DataFrame(p.boxes, columns=["x1", "y1", "x2", "y2"]).assign(
            person=p.id,
            frame=p.frames,
            score=p.scores,
            roll=np.float32(0) if p.rolls is None else p.rolls,
            yaw=np.float32(0) if p.yaws is None else p.yaws,
        )
        for p in persons
    ]
    columns = ["person", "frame", "x1", "y1", "x2", "y2", "score", "roll", "yaw"]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    fps, cuts = (persons[0].fps, persons[0].cuts) if persons else (Fraction(25), ())
    first = f"# fps={fps} cuts={','.join(map(str, cuts))}\n"
    return first + table[columns].to_csv(index=False, lineterminator="\n")


def from_csv(text: str) -> list[Person]:
    """The persons that `to_csv` wrote, the same to the last bit."""
    import pandas as pd  # as above

    first, _, rest = text.partition("\n")
    facts = dict(fact.split("=") for fact in first.removeprefix("# ").split())
    fps = Fraction(facts["fps"])
    cuts = tuple(int(cut) for cut in facts.get("cuts", "").split(",") if cut)
    table = pd.read_csv(io.StringIO(rest))
    for angle in {"roll", "yaw"} - {*table}:  # written before heads could lean, or turn
        table[angle] = 0.0
    return [
        Person(
            number,
            rows["frame"].to_numpy(np.int64),
            rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32),
            rows["score"].to_numpy(np.float32),
            fps,
            cuts,
            rows["roll"].to_numpy(np.float32),
            rows["yaw"].to_numpy(np.float32),
        )
        for number in table["person"].unique().tolist()
        for rows in [table[table["person"] == number]]
    ]


def bridged_frames(fps: Fraction) -> int:
    """How many frames after a sighting the next may come for the person to be there between."""
    return max(int(BRIDGED_SECONDS * fps), 1)


def _lasting(groups: list[list[Track]], frames: int, fps: Fraction) -> list[list[Track]]:
    # In a source of a few frames everything is brief: half of it is enough there.
    least = min(FLEETING_SECONDS * fps, frames / 2)
    return [each for each in groups if sum(len(t.frames) for t in each) >= least] or groups


def _person(tracks: Sequence[Track], fps: Fraction, cuts: Sequence[int]) -> Person:
    frames = np.array([frame for track in tracks for frame in track.frames], np.int64)
    seen = [detection for track in tracks for detection in track.detections]
    boxes = np.array([detection.box for detection in seen], np.float32)
    scores = np.array([detection.score for detection in seen], np.float32)
    rolls = np.array([detection.roll for detection in seen], np.float32)
    yaws = np.array([detection.yaw for detection in seen], np.float32)
    return Person(0, frames, boxes, scores, fps, tuple(cuts), rolls, yaws)


def _leaps(boxes: np.ndarray) -> np.ndarray:
    """Whether neighbouring boxes (n, 4) have nothing in common, (n - 1,) bool."""
    sides = np.minimum(boxes[1:, 2:], boxes[:-1, 2:]) - np.maximum(boxes[1:, :2], boxes[:-1, :2])
    return (sides <= 0).any(axis=1)


def _rounded_seconds(person: Person) -> int:
    return round(person.seconds)
