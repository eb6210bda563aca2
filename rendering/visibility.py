"""Visibility: when persons are in sight, and what of a result was therefore not animated."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from face_detection.persons import Person
from rendering.drawable import TURNED_AWAY, undrawable
from rendering.spec import RenderSpec, Source

OUT_OF_SIGHT, HIDDEN = "out-of-sight", "hidden"
# Who is back in the same shot after so long an absence, away from the borders, had not left it.
HIDDEN_SECONDS = 5
# How far from the border a face was, in heights of it, that has not left the frame.
BORDER_MARGIN = 0.1
# A head with a larger yaw (degrees) before or after such an absence had turned away.
TURNING_YAW = 35.0


REASON = np.dtype("U16")


@dataclass(frozen=True)
class NotAnimated:
    """A stretch of the result, in seconds, in which the mouth of `person` is as it was, and why.

    The reason is out-of-sight, hidden, turned-away or too-small.
    """

    person: int
    start: float
    stop: float
    reason: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def not_animated(spec: RenderSpec) -> list[NotAnimated]:
    """The stretches in which a speaker's mouth could not be moved, in order of time."""
    shown = np.array(spec.indices(0, spec.frames))
    stretches = [
        NotAnimated(speaker.id, _seconds(start, spec.fps), _seconds(stop, spec.fps), str(reason))
        for speaker in spec.speakers
        for reasons in [_reasons(spec.source, speaker)[shown]]
        for reason in np.unique(reasons[reasons != ""])
        for start, stop in _runs(reasons == reason)
    ]
    return sorted(stretches, key=lambda each: (each.start, each.person))


@dataclass(frozen=True)
class Presence:
    """When a person is in sight: [start, stop] in seconds, and the share, 0 to 1."""

    intervals: list[list[float]]
    share: float


def presence(source: Source, person: Person, frames: int) -> Presence:
    """When `person` is in sight in a source of which `frames` frames were searched.

    A person with one box for all frames is in sight in all of them.
    """
    if source.is_fixed:
        return Presence([[0.0, _seconds(source.frames, source.fps)]], 1.0)
    intervals = [
        [_seconds(start, source.fps), _seconds(stop, source.fps)]
        for start, stop in person.intervals
    ]
    return Presence(intervals, person.visible_fraction(frames))


def _reasons(source: Source, person: Person) -> np.ndarray:
    """For every frame of the source why the person is not drawn in it, (frames,) str, or empty."""
    unfit = {} if source.options.box is not None else undrawable(person)
    if source.is_fixed:
        return np.full(source.frames, unfit.get(0, ""), REASON)
    reasons = np.full(source.frames, OUT_OF_SIGHT, REASON)
    for start, stop in person.intervals:
        reasons[start:stop] = ""
    for (_, gone), (back, _) in pairwise(person.intervals):
        reasons[gone:back] = _absence(source, person, gone, back)
    for frame, reason in unfit.items():
        reasons[frame] = reason
    return reasons


def _absence(source: Source, person: Person, gone: int, back: int) -> str:
    """Why the person is not found from frame `gone` to `back`, between two sightings."""
    width, height = source.size
    frames, boxes, yaws = person.sightings
    ends = np.searchsorted(frames, [gone - 1, back])
    margin = BORDER_MARGIN * (boxes[ends, 3] - boxes[ends, 1])
    least = boxes[ends, :2].min(axis=1)
    most = (boxes[ends, 2:] - (width, height)).max(axis=1)
    if (
        back - gone > HIDDEN_SECONDS * source.fps
        or any(gone <= cut <= back for cut in person.cuts)
        or (least < margin).any()
        or (most > -margin).any()
    ):
        return OUT_OF_SIGHT
    return TURNED_AWAY if (np.abs(yaws[ends]) > TURNING_YAW).any() else HIDDEN


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """The runs start..stop of `flags` that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _seconds(frames: int, fps: Fraction) -> float:
    return round(float(frames / fps), 3)
