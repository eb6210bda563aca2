"""The conditions of an evaluation: one clip, animated in every way that is compared.

Frames are rendered at the clip's own resolution as they are asked for, and none is kept.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

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
    "video": "video, own voice",
    "video_other": "video, another voice",
    "video_given": "the same, judged by that voice",
    "copied": "reference copied",
    "redrawn": "reference redrawn",
}
# The condition `pause`: the still goes on for this long in silence, after its own voice.
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

    name: str  # a key of CONDITIONS, or "pause"
    engine: Engine
    drive: np.ndarray  # (n, ...), as `Engine.drive` returns it
    faces: Sequence[Face]
    source_frames: Callable[[], Iterable[np.ndarray]]
    cpu_seconds: float  # processor time of the engine so far, for the drive and for frames

    def frames(self) -> Iterator[RenderedFrame]:
        """Render the frames, a batch at a time; `cpu_seconds` grows by what that takes."""
        start = 0
        sources = iter(self.source_frames())
        while batch := list(islice(sources, BATCH_SIZE)):
            span = slice(start, start + len(batch))
            begun = time.process_time()
            rendered = render(self.engine, batch, self.faces[span], self.drive[span])
            self.cpu_seconds += time.process_time() - begun
            for each in zip(rendered, batch, self.faces[span], strict=True):
                yield RenderedFrame(*each)
            start = span.stop


def conditions_of(
    clip: Footage, other_voice: np.ndarray, closed_mouth: np.ndarray, engine: Engine
) -> Iterator[Condition]:
    """A still of the clip and the clip itself, each animated with its own and with another voice.

    The still has a closed mouth. `other_voice` (m,) is float32 at 16 kHz, `closed_mouth` (8,) the
    speaker's mouth lengths at rest. An engine that is driven by mouth shapes renders the still from
    those of the real speaker too.
    """
    count = len(clip)
    own, another = (
        _timed_drive(engine, samples, count)
        for samples in (clip.samples, fit_length(other_voice, count))
    )
    silence = np.pad(clip.samples, (0, PAUSE_FRAMES * SAMPLE_RATE // FPS))
    pause = engine.drive(mel_spectrogram(silence), count, count + PAUSE_FRAMES, Fraction(FPS))
    (frame,) = clip.frames_at([clip.closed_frame])
    shapes = true_shapes(clip, closed_mouth, engine)
    still = _Still(engine, frame, clip.faces[clip.closed_frame])

    yield still.condition("still", *own)
    yield still.condition("pause", pause, 0.0)
    yield still.condition("still_other", *another)
    if shapes is not None:
        yield still.condition("still_shapes", shapes, 0.0)
    yield Condition("video", engine, own[0], clip.faces, clip.frames, own[1])
    yield Condition("video_other", engine, another[0], clip.faces, clip.frames, another[1])


@dataclass(frozen=True)
class _Still:
    """One frame, repeated for as long as its drive lasts."""

    engine: Engine
    frame: np.ndarray
    face: Face

    def condition(self, name: str, drive: np.ndarray, cpu_seconds: float) -> Condition:
        count = len(drive)
        faces = [self.face] * count
        return Condition(
            name, self.engine, drive, faces, lambda: repeat(self.frame, count), cpu_seconds
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
    engine: Engine, frames: Sequence[np.ndarray], faces: Sequence[Face], drive: np.ndarray
) -> list[np.ndarray]:
    """Frames as `mouth animate` renders them with its default options: RGB uint8, new arrays."""
    boxes = np.array([face.box for face in faces], np.float64)
    rolls = np.array([face.roll for face in faces])
    places = grown(boxes, rolls, engine.pads)
    return engine.render(frames, places, drive, rolls=rolls, moving=is_moving(frames))


def is_moving(frames: Sequence[np.ndarray]) -> bool:
    """Whether the frames are a video, and not one array repeated."""
    return any(frame is not frames[0] for frame in frames)


def _timed_drive(engine: Engine, samples: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    begun = time.process_time()
    drive = engine.drive(mel_spectrogram(samples), 0, count, Fraction(FPS))
    return drive, time.process_time() - begun
