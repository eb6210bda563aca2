"""Which person speaks which voice, as a client chose it and before it is checked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A place in the source: pixels of the upright frame, and its number or the time in seconds.

    Without either it is the first frame.
    """

    x: float
    y: float
    frame: int | None = None
    time: float | None = None


@dataclass(frozen=True)
class VoiceChoice:
    """Which upload is spoken by which person, from `start` seconds, louder by `gain` decibels.

    The person is known by number or by a point at the face; without both the job asks.
    """

    upload_id: str
    person: int | None = None
    start: float = 0.0
    gain: float = 0.0
    point: Point | None = None
