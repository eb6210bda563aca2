"""A real clip of a speaker, watched once: where the face is, what its mouth does, what is heard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from face_detection import Detection, detect, shots
from face_detection.detectors import Detector, load_detector
from face_detection.identity import embedding
from face_detection.landmarks import landmarks_in_fitted
from face_detection.persons import link
from media.atomic import replacing
from media.errors import NamedError
from media.probe import probe
from media.sound import read_sound, soundtrack_delay
from media.video import read_frames, read_frames_at
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.compact import crop, mouth_shape

# Everything is measured at this rate, which SyncNet is defined for; other rates are resampled.
FPS = 25
SHORTEST = 20
# Jitter of the landmarks, in frames (sigma): taken out of real and made mouths alike.
STEADIED = 0.7
# Room around the lips of a whole clip, in heights of the face box.
LIP_MARGIN = 0.02

_KEPT = ("boxes", "rolls", "points", "samples")

Rectangle = tuple[float, float, float, float]  # x1, y1, x2, y2


class Face(NamedTuple):
    """Where a face is in a frame: a box, turned by `roll` degrees about its centre."""

    box: np.ndarray  # (4,)
    roll: float


@dataclass(frozen=True)
class Footage:
    """The longest stretch of a clip that shows its main person, n frames at 25 a second."""

    path: Path
    start: int  # the first frame of the stretch
    boxes: np.ndarray  # (n, 4) float32, as a user's video gets them: detected and smoothed
    rolls: np.ndarray  # (n,) float32
    points: np.ndarray  # (n, 68, 2) float32, landmarks in pixels of the frame
    samples: np.ndarray  # (m,) float32, 16 kHz mono, from the first frame of the stretch on

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def faces(self) -> list[Face]:
        return [Face(*place) for place in zip(self.boxes, self.rolls.tolist(), strict=True)]

    @cached_property
    def raw(self) -> np.ndarray:
        """Raw lengths of the mouth, (n, 8): see mouth_shape.measure."""
        return mouth_shape.measure(self.points)

    @cached_property
    def mel(self) -> np.ndarray:
        return mel_spectrogram(self.samples)

    @property
    def still(self) -> int:
        """A frame with the mouth nearly closed, which gives nothing away."""
        return int(np.argsort(self.raw[:, mouth_shape.OPENING])[len(self) // 10])

    @cached_property
    def mouth(self) -> Rectangle:
        """Where the lips are, in all frames, in units of the square over the face box."""
        squares = np.array([crop.square(box) for box in self.boxes])
        lips = (self.points[:, 48:] - squares[:, None, :2]) / squares[:, None, 2:]
        low, high = (np.percentile(lips.reshape(-1, 2), p, axis=0) for p in (2, 98))
        (x1, y1), (x2, y2) = low - LIP_MARGIN, high + LIP_MARGIN
        return float(x1), float(y1), float(x2), float(y2)

    def frames(self) -> Iterator[np.ndarray]:
        """The frames, RGB uint8, as large as they are in the clip."""
        return read_frames(self.path, self.start, self.start + len(self), Fraction(FPS))

    def frames_at(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Some of the frames, by their numbers in the stretch."""
        wanted = [self.start + index for index in indices]
        return list(read_frames_at(self.path, wanted, Fraction(FPS)))


def watch(path: Path, most: int) -> Footage:
    """Find and follow the main person in the first `most` frames of a clip with sound.

    Raises NamedError `no-face-found` where nobody is in sight for 20 frames, `no-audio-track` and
    MediaError for a clip without sound or without pictures.
    """
    faces: list[list[Detection]] = []
    signatures = []
    detector = _detector()
    for frame in read_frames(path, 0, most, Fraction(FPS)):
        faces += detect([frame], detector)
        signatures.append(shots.signature(frame))
    persons = link(faces, Fraction(FPS), shots.cuts(np.array(signatures), Fraction(FPS)))
    stretches = [interval for person in persons[:1] for interval in person.intervals]
    start, stop = max(stretches, key=lambda stretch: stretch[1] - stretch[0], default=(0, 0))
    if stop - start < SHORTEST:
        raise NamedError(
            "no-face-found",
            f"Nobody is in sight in {path} for {SHORTEST} frames.",
            "Leave the clip out, or cut it to where the speaker faces the camera.",
        )
    person, stretch = persons[0], range(start, stop)
    boxes = np.array([person.box_at(frame) for frame in stretch], np.float32)
    rolls = np.array([person.roll_at(frame) for frame in stretch], np.float32)
    found = [
        landmarks_in_fitted(frame, tuple(box), roll)
        for frame, box, roll in zip(
            read_frames(path, start, stop, Fraction(FPS)), boxes, rolls.tolist(), strict=True
        )
    ]
    points = steadied(np.stack(found))
    return Footage(path, start, boxes, rolls, points, _sound(path, start, stop))


def steadied(points: np.ndarray) -> np.ndarray:
    """Landmarks (n, 68, 2) of consecutive frames with less jitter."""
    return gaussian_filter1d(points, STEADIED, axis=0, mode="nearest")


def recorded(path: Path, target: Path, most: int) -> Footage:
    """As `watch`, from the file `target` where it is there; written there otherwise."""
    if not target.exists():
        seen = watch(path, most)
        kept = {name: getattr(seen, name) for name in _KEPT}
        with replacing(target) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, start=seen.start, **kept)
    with np.load(target) as arrays:
        return Footage(path, int(arrays["start"]), **{name: arrays[name] for name in _KEPT})


def who(frame: np.ndarray, face: Face) -> np.ndarray:
    """The embedding of the person in a frame, see face_detection.identity."""
    return embedding(frame, tuple(face.box), face.roll)


def of_length(samples: np.ndarray, frames: int) -> np.ndarray:
    """As much of a voice (16 kHz) as so many frames last, from its beginning where it ends."""
    return np.resize(samples, frames * SAMPLE_RATE // FPS)


def _sound(path: Path, start: int, stop: int) -> np.ndarray:
    if not probe(path).has_audio:
        raise NamedError(
            "no-audio-track",
            f"{path} has no sound.",
            "Leave the clip out: nothing can be compared.",
        )
    late = round(soundtrack_delay(path) * SAMPLE_RATE)
    samples = np.pad(read_sound(path, SAMPLE_RATE), (max(late, 0), 0))[max(-late, 0) :]
    first, last = (frame * SAMPLE_RATE // FPS for frame in (start, stop))
    samples = samples[first:last]
    return np.pad(samples, (0, last - first - len(samples)))


@lru_cache(maxsize=1)
def _detector() -> Detector:
    return load_detector()
