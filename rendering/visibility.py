"""Visibility: when persons are in sight, and what of a result was therefore not animated."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from face_detection.persons import Person
from rendering.spec import RenderSpec, Source

OUT_OF_SIGHT = "out of sight"


@dataclass(frozen=True)
class NotAnimated:
    """A stretch of the result, in seconds, in which the mouth of `person` is as it was, and why."""

    person: int
    start: float
    stop: float
    reason: str = OUT_OF_SIGHT

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def not_animated(spec: RenderSpec) -> list[NotAnimated]:
    """The stretches in which a speaker's mouth could not be moved, in order of time."""
    shown = np.array(spec.indices(0, spec.frames))
    stretches = [
        NotAnimated(speaker.id, _seconds(start, spec.fps), _seconds(stop, spec.fps))
        for speaker in spec.speakers
        for start, stop in _runs(~_in_sight(spec.source, speaker)[shown])
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


def _in_sight(source: Source, person: Person) -> np.ndarray:
    """For every frame of the source whether it shows the person, (frames,) bool."""
    if source.is_fixed:
        return np.ones(source.frames, bool)
    seen = np.zeros(source.frames, bool)
    for start, stop in person.intervals:
        seen[start:stop] = True
    return seen


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """The runs start..stop of `flags` that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _seconds(frames: int, fps: Fraction) -> float:
    return round(float(frames / fps), 3)
