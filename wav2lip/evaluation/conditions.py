"""Letting a checkpoint speak a clip in every way that tells something about it.

Frames are made at the clip's own resolution as they are asked for, and none is kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from typing import Protocol, runtime_checkable

import numpy as np

from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.engine import Engine
from wav2lip.evaluation.footage import FPS, Face, Footage, of_length
from wav2lip.rotated_box import grown

# The real clip first: everything else is to be read beside it.
TAKES = {
    "real": "real video",
    "still": "still, own voice",
    "still_other": "still, another voice",
    "still_shapes": "still, true shapes",
    "video": "video, own voice",
    "video_other": "video, another voice",
    "video_given": "the same, judged by that voice",
    "copied": "reference copied",
    "redrawn": "reference redrawn",
}
# After its own voice the still is shown so much longer, in silence.
PAUSE = 30
BATCH = 16
# Excursions beyond these were hardly seen in training.
LIMIT = 4.0

Made = tuple[np.ndarray, np.ndarray, Face]  # a frame, what it was made from, and where the face is


@dataclass
class Take:
    """One way of speaking a clip; `seconds` of processor time have been needed so far."""

    name: str
    engine: Engine
    drive: np.ndarray
    faces: Sequence[Face]
    source: Callable[[], Iterable[np.ndarray]]
    seconds: float

    def frames(self) -> Iterator[Made]:
        """Each frame as made, as it was, and where its face is."""
        at = 0
        waiting = iter(self.source())
        while batch := list(islice(waiting, BATCH)):
            now = slice(at, at + len(batch))
            begun = time.process_time()
            made = rendered(self.engine, batch, self.faces[now], self.drive[now])
            self.seconds += time.process_time() - begun
            yield from zip(made, batch, self.faces[now], strict=True)
            at = now.stop


def takes_of(clip: Footage, other: np.ndarray, rest: np.ndarray, engine: Engine) -> Iterator[Take]:
    """A closed-mouthed still of the clip and the clip itself, with its own and another voice.

    `other` is that voice (16 kHz), `rest` (8,) the speaker's closed mouth. The still is driven by
    the speaker's true mouth shapes too where the engine goes by such.
    """
    count = len(clip)
    own, another = (
        _driven(engine, samples, count) for samples in (clip.samples, of_length(other, count))
    )
    silence = np.pad(clip.samples, (0, PAUSE * SAMPLE_RATE // FPS))
    pause = engine.drive(mel_spectrogram(silence), count, count + PAUSE, Fraction(FPS))
    (still,) = clip.frames_at([clip.still])
    shapes = true_shapes(clip, rest, engine)
    held = _Still(engine, still, clip.faces[clip.still])

    yield held.take("still", *own)
    yield held.take("pause", pause, 0.0)
    yield held.take("still_other", *another)
    if shapes is not None:
        yield held.take("still_shapes", shapes, 0.0)
    yield Take("video", engine, own[0], clip.faces, clip.frames, own[1])
    yield Take("video_other", engine, another[0], clip.faces, clip.frames, another[1])


@dataclass(frozen=True)
class _Still:
    """One frame, shown for as long as it is driven."""

    engine: Engine
    frame: np.ndarray
    face: Face

    def take(self, name: str, drive: np.ndarray, seconds: float) -> Take:
        count = len(drive)
        faces = [self.face] * count
        return Take(name, self.engine, drive, faces, lambda: repeat(self.frame, count), seconds)


@runtime_checkable
class ByShapes(Protocol):
    """An engine that is driven by mouth shapes, as CompactEngine is."""

    unit: np.ndarray

    def redraw(
        self, targets: np.ndarray, references: np.ndarray, drive: np.ndarray
    ) -> np.ndarray: ...


def true_shapes(clip: Footage, rest: np.ndarray, engine: Engine) -> np.ndarray | None:
    """The mouth shapes (n, 8) of the real speaker, for an engine that is driven by such."""
    if not isinstance(engine, ByShapes):
        return None
    return ((clip.raw - rest) / engine.unit).clip(-LIMIT, LIMIT).astype(np.float32)


def rendered(
    engine: Engine, frames: Sequence[np.ndarray], faces: Sequence[Face], drive: np.ndarray
) -> list[np.ndarray]:
    """What a user gets of some frames who asks for nothing in particular."""
    boxes = np.array([face.box for face in faces], np.float64)
    rolls = np.array([face.roll for face in faces])
    places = grown(boxes, rolls, engine.pads)
    return engine.render(frames, places, drive, rolls=rolls, moving=is_moving(frames))


def is_moving(frames: Sequence[np.ndarray]) -> bool:
    """Whether it is a video, and not one picture again and again."""
    return any(frame is not frames[0] for frame in frames)


def _driven(engine: Engine, samples: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    begun = time.process_time()
    drive = engine.drive(mel_spectrogram(samples), 0, count, Fraction(FPS))
    return drive, time.process_time() - begun
