"""The conditions of an evaluation: one clip, animated in every way that is compared.

Frames are rendered at the clip's own resolution as they are asked for, and none is kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from face_detection.landmarks import landmarks_in_fitted
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.engine import Engine
from wav2lip.evaluation.footage import FPS, Face, Footage, fit_length
from wav2lip.rotated_box import grown

# Titles by name. The real clip comes first: it is the ground truth of all others.
CONDITIONS = {
    "real": "real video",
    "still": "still, own voice",
    "still_other": "still, another voice",
    "still_shapes": "still, true shapes",
    "toothy": "toothy still, own voice",
    "video": "video, own voice",
    "video_other": "video, another voice",
    "video_given": "the same, judged by that voice",
    "copied": "reference copied",
    "redrawn": "reference redrawn",
}
# Conditions without a column: the still goes on for PAUSE_FRAMES in silence, after its own voice,
# and the video is driven by silence.
UNTITLED = ("pause", "silent")
PAUSE_FRAMES = 30
BATCH_SIZE = 16
# Larger excursions of a mouth shape were hardly seen in training.
MAX_EXCURSION = 4.0


class RenderedFrame(NamedTuple):
    """A frame, the frame that it was rendered from (RGB uint8 both), and where the face is."""

    frame: np.ndarray
    source: np.ndarray
    face: Face


@dataclass
class Condition:
    """A clip to be animated in one way: n source frames, and a drive for each."""

    name: str  # a key of CONDITIONS, or one of UNTITLED
    engine: Engine
    drive: np.ndarray  # (n, ...), as `Engine.drive` returns it
    faces: Sequence[Face]
    mouths: Sequence[Any]  # of each face, what the engine's `mouth_finder` makes of it
    source_frames: Callable[[], Iterable[np.ndarray]]
    cpu_seconds: float  # processor time of the engine so far, for the drive and for frames

    def frames(self) -> Iterator[RenderedFrame]:
        """Render the frames, a batch at a time; `cpu_seconds` grows by what that takes."""
        start = 0
        sources = iter(self.source_frames())
        while batch := list(islice(sources, BATCH_SIZE)):
            span = slice(start, start + len(batch))
            begun = time.process_time()
            rendered = render(
                self.engine, batch, self.faces[span], self.drive[span], self.mouths[span]
            )
            self.cpu_seconds += time.process_time() - begun
            for each in zip(rendered, batch, self.faces[span], strict=True):
                yield RenderedFrame(*each)
            start = span.stop


def conditions_of(
    clip: Footage, other_voice: np.ndarray, closed_mouth: np.ndarray, engine: Engine
) -> Iterator[Condition]:
    """A still of the clip and the clip itself, each animated with its own and with another voice.

    The still has a closed mouth; where the clip shows teeth there is one of the frame that shows
    most of them as well. The clip is driven by silence, too. `other_voice` (m,) is float32 at
    16 kHz, `closed_mouth` (8,) the speaker's mouth lengths at rest. An engine that is driven by
    mouth shapes renders the still from those of the real speaker too.
    """
    count = len(clip)
    own, another, silent = (
        _timed_drive(engine, samples, count)
        for samples in (clip.samples, fit_length(other_voice, count), np.zeros_like(clip.samples))
    )
    silence = np.pad(clip.samples, (0, PAUSE_FRAMES * SAMPLE_RATE // FPS))
    pause = engine.drive(mel_spectrogram(silence), count, count + PAUSE_FRAMES, Fraction(FPS))
    still = _Still.of(clip, clip.closed_frame, engine)
    shapes = true_shapes(clip, closed_mouth, engine)

    yield still.condition("still", *own)
    yield still.condition("pause", pause, 0.0)
    yield still.condition("still_other", *another)
    if shapes is not None:
        yield still.condition("still_shapes", shapes, 0.0)
    if clip.toothy_frame is not None:
        yield _Still.of(clip, clip.toothy_frame, engine).condition("toothy", *own)
    begun = time.process_time()
    mouths = find_mouths(engine, clip.frames(), clip.faces)
    finding = time.process_time() - begun
    for name, (drive, seconds) in {"video": own, "video_other": another, "silent": silent}.items():
        seconds += finding
        yield Condition(name, engine, drive, clip.faces, mouths, clip.frames, seconds)


@dataclass(frozen=True)
class _Still:
    """One frame, repeated for as long as its drive lasts."""

    engine: Engine
    frame: np.ndarray
    face: Face
    mouth: Any

    @classmethod
    def of(cls, clip: Footage, index: int, engine: Engine) -> "_Still":
        (frame,) = clip.frames_at([index])
        face = clip.faces[index]
        return cls(engine, frame, face, find_mouth(engine, frame, face))

    def condition(self, name: str, drive: np.ndarray, cpu_seconds: float) -> Condition:
        count = len(drive)
        return Condition(
            name,
            self.engine,
            drive,
            [self.face] * count,
            [self.mouth] * count,
            lambda: repeat(self.frame, count),
            cpu_seconds,
        )


@runtime_checkable
class ShapeDriven(Protocol):
    """An engine whose drive is a mouth shape, as CompactEngine's is."""

    unit: np.ndarray  # (8,), a usual excursion of each mouth length

    def redraw(self, targets: np.ndarray, references: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """The faces of crops `references` in the pose of `targets`, with mouths shaped by `drive`.

        Crops are RGB uint8 (n, 96, 96, 3), `drive` is (n, 8).
        """
        ...


def true_shapes(clip: Footage, closed_mouth: np.ndarray, engine: Engine) -> np.ndarray | None:
    """The real speaker's mouth shapes as a drive, (n, 8) float32; None if the engine takes none."""
    if not isinstance(engine, ShapeDriven):
        return None
    excursion = (clip.mouth_lengths - closed_mouth) / engine.unit
    return excursion.clip(-MAX_EXCURSION, MAX_EXCURSION).astype(np.float32)


def render(
    engine: Engine,
    frames: Sequence[np.ndarray],
    faces: Sequence[Face],
    drive: np.ndarray,
    mouths: Sequence[Any],
) -> list[np.ndarray]:
    """Frames as `mouth animate` renders them with its default options: RGB uint8, new arrays."""
    boxes = np.array([face.box for face in faces], np.float64)
    rolls = np.array([face.roll for face in faces])
    return engine.render(
        frames,
        grown(boxes, rolls, engine.pads),
        drive,
        rolls=rolls,
        moving=is_moving(frames),
        mouths=mouths,
    )


def find_mouth(engine: Engine, frame: np.ndarray, face: Face) -> Any:
    """What the engine makes of the mouth of a face before it moves, None for nothing."""
    if engine.mouth_finder is None:
        return None
    (box,) = grown(np.array([face.box], np.float64), np.array([face.roll]), engine.pads)
    points = landmarks_in_fitted(frame, tuple(face.box), face.roll)
    return engine.mouth_finder.find(frame, box, face.roll, points)


def find_mouths(engine: Engine, frames: Iterable[np.ndarray], faces: Sequence[Face]) -> list[Any]:
    """`find_mouth` in the consecutive frames of a video."""
    found = [find_mouth(engine, *each) for each in zip(frames, faces, strict=True)]
    return found if engine.mouth_finder is None else engine.mouth_finder.steadied(found)


def mouths_shown(engine: Engine, frames: Sequence[np.ndarray], faces: Sequence[Face]) -> list[Any]:
    """`find_mouths`, or, in one frame that is repeated, `find_mouth`."""
    if is_moving(frames):
        return find_mouths(engine, frames, faces)
    return [find_mouth(engine, frames[0], faces[0])] * len(frames)


def is_moving(frames: Sequence[np.ndarray]) -> bool:
    """Whether the frames are a video, and not one array repeated."""
    return any(frame is not frames[0] for frame in frames)


def _timed_drive(engine: Engine, samples: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    begun = time.process_time()
    drive = engine.drive(mel_spectrogram(samples), 0, count, Fraction(FPS))
    return drive, time.process_time() - begun
