"""A real clip of a speaker: the face boxes, the landmarks and the sound, found once and kept."""

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
from wav2lip.compact.layered_renderer import LayeredMouthFinder
from wav2lip.evaluation.foreign_colour import chroma_range

# Frames a second of everything that is measured: SyncNet is defined for this rate. Clips of other
# rates are resampled.
FPS = 25
MIN_FRAMES = 20
# Sigma in frames of the Gaussian that takes jitter out of landmarks, of real and rendered mouths.
LANDMARK_SIGMA = 0.7
# The colours of one frame in so many are the clip's own.
CHROMA_EVERY = 10
# Margin around the lips of a whole clip, in sides of the square over the face box.
LIP_MARGIN = 0.02

_SAVED = ("boxes", "rolls", "landmarks", "toothiness", "chroma", "samples")

Rectangle = tuple[float, float, float, float]  # x1, y1, x2, y2


class Face(NamedTuple):
    """Where a face is in a frame: a box, rotated by `roll` degrees (clockwise) about its centre."""

    box: np.ndarray  # (4,) x1, y1, x2, y2 in pixels
    roll: float


@dataclass(frozen=True)
class Footage:
    """The longest interval of a clip that shows its main person: n frames at 25 a second."""

    path: Path
    start: int  # number of the interval's first frame in the clip
    boxes: np.ndarray  # (n, 4) float32, detected and smoothed as those of a user's video
    rolls: np.ndarray  # (n,) float32, degrees, clockwise
    landmarks: np.ndarray  # (n, 68, 2) float32, pixels of the frame
    toothiness: np.ndarray  # (n,) float32, 0 without teeth, more the wider a mouth shows them
    chroma: np.ndarray  # (2, 2) float32, of the mouth: see foreign_colour.chroma_range
    samples: np.ndarray  # (m,) float32, 16 kHz mono, starts with the interval's first frame

    def __len__(self) -> int:
        return len(self.boxes)

    @cached_property
    def faces(self) -> list[Face]:
        """Box and roll of each frame."""
        return [Face(*place) for place in zip(self.boxes, self.rolls.tolist(), strict=True)]

    @cached_property
    def mouth_lengths(self) -> np.ndarray:
        """The eight lengths of the mouth in units of the face, (n, 8): see mouth_shape.measure."""
        return mouth_shape.measure(self.landmarks)

    @cached_property
    def mel(self) -> np.ndarray:
        """The log-mel spectrogram (80, T) of the sound."""
        return mel_spectrogram(self.samples)

    @property
    def closed_frame(self) -> int:
        """The index of a frame with the mouth nearly closed, which shows nothing of the speech.

        It is the frame at the tenth percentile of the opening.
        """
        return int(np.argsort(self.mouth_lengths[:, mouth_shape.OPENING])[len(self) // 10])

    @property
    def toothy_frame(self) -> int | None:
        """The index of the frame that shows most of the teeth, None if none shows any."""
        return int(self.toothiness.argmax()) if self.toothiness.any() else None

    @cached_property
    def lip_region(self) -> Rectangle:
        """A rectangle that holds the lips in all frames.

        Its unit is the side of the square over the face box (crop.square), its origin the corner of
        that square.
        """
        squares = np.array([crop.square(box) for box in self.boxes])
        lips = (self.landmarks[:, 48:] - squares[:, None, :2]) / squares[:, None, 2:]
        low, high = (np.percentile(lips.reshape(-1, 2), p, axis=0) for p in (2, 98))
        (x1, y1), (x2, y2) = low - LIP_MARGIN, high + LIP_MARGIN
        return float(x1), float(y1), float(x2), float(y2)

    def frames(self) -> Iterator[np.ndarray]:
        """The n frames, RGB uint8 (h, w, 3), at the clip's own resolution."""
        return read_frames(self.path, self.start, self.start + len(self), Fraction(FPS))

    def frames_at(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Some of the frames, by their indices in 0..n."""
        wanted = [self.start + index for index in indices]
        return list(read_frames_at(self.path, wanted, Fraction(FPS)))


def track_speaker(path: Path, max_frames: int) -> Footage:
    """Find and follow the main person in the first `max_frames` frames (at 25 a second) of a clip.

    Raises NamedError `no-face-found` if nobody is visible for MIN_FRAMES frames in a row,
    `no-audio-track` for a clip without sound, and MediaError for one that cannot be read.
    """
    faces: list[list[Detection]] = []
    signatures = []
    detector = _detector()
    for frame in read_frames(path, 0, max_frames, Fraction(FPS)):
        faces += detect([frame], detector)
        signatures.append(shots.signature(frame))
    persons = link(faces, Fraction(FPS), shots.cuts(np.array(signatures), Fraction(FPS)))
    intervals = [interval for person in persons[:1] for interval in person.intervals]
    start, stop = max(intervals, key=lambda interval: interval[1] - interval[0], default=(0, 0))
    if stop - start < MIN_FRAMES:
        raise NamedError(
            "no-face-found",
            f"Nobody is in sight in {path} for {MIN_FRAMES} frames.",
            "Leave the clip out, or cut it to where the speaker faces the camera.",
        )
    person, interval = persons[0], range(start, stop)
    boxes = np.array([person.box_at(frame) for frame in interval], np.float32)
    rolls = np.array([person.roll_at(frame) for frame in interval], np.float32)
    found, teeth, mouths = [], [], []
    finder = LayeredMouthFinder()
    for frame, box, roll in zip(
        read_frames(path, start, stop, Fraction(FPS)), boxes, rolls.tolist(), strict=True
    ):
        found.append(landmarks_in_fitted(frame, tuple(box), roll))
        seen = finder.find(frame, box, roll, found[-1])
        teeth.append(seen.weight * seen.mouth.lips.opening if seen else 0.0)
        if len(found) % CHROMA_EVERY == 1:
            mouths.append(_mouth(frame, found[-1]))
    return Footage(
        path,
        start,
        boxes,
        rolls,
        smooth_landmarks(np.stack(found)),
        np.array(teeth, np.float32),
        chroma_range(mouths),
        _soundtrack(path, start, stop),
    )


def _mouth(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The lips of the 68 `points` and a quarter of their width around them; (h, w, 3)."""
    low, high = points[48:].min(0), points[48:].max(0)
    around = (high[0] - low[0]) / 4
    (x1, y1), (x2, y2) = (low - around).astype(int).clip(0), (high + around + 1).astype(int)
    x1, y1 = min(x1, frame.shape[1] - 1), min(y1, frame.shape[0] - 1)
    return frame[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)].copy()


def smooth_landmarks(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (n, 68, 2) of consecutive frames, smoothed over time by LANDMARK_SIGMA."""
    return gaussian_filter1d(landmarks, LANDMARK_SIGMA, axis=0, mode="nearest")


def load_or_track(path: Path, target: Path, max_frames: int) -> Footage:
    """What `track_speaker` returns, read from the file `target`, which is written if missing."""
    if not target.exists():
        tracked = track_speaker(path, max_frames)
        arrays = {name: getattr(tracked, name) for name in _SAVED}
        with replacing(target) as unfinished, unfinished.open("wb") as opened:
            np.savez(opened, allow_pickle=False, start=tracked.start, **arrays)
    with np.load(target) as saved:
        return Footage(path, int(saved["start"]), **{name: saved[name] for name in _SAVED})


def face_embedding(frame: np.ndarray, face: Face) -> np.ndarray:
    """The identity embedding (128,) of a face in a frame: see face_detection.identity."""
    return embedding(frame, tuple(face.box), face.roll)


def fit_length(samples: np.ndarray, frames: int) -> np.ndarray:
    """A voice (16 kHz) cut, or repeated from its beginning, to the length of `frames` frames."""
    return np.resize(samples, frames * SAMPLE_RATE // FPS)


def _soundtrack(path: Path, start: int, stop: int) -> np.ndarray:
    if not probe(path).has_audio:
        raise NamedError(
            "no-audio-track",
            f"{path} has no sound.",
            "Leave the clip out: nothing can be compared.",
        )
    delay = round(soundtrack_delay(path) * SAMPLE_RATE)
    samples = np.pad(read_sound(path, SAMPLE_RATE), (max(delay, 0), 0))[max(-delay, 0) :]
    first, last = (frame * SAMPLE_RATE // FPS for frame in (start, stop))
    samples = samples[first:last]
    return np.pad(samples, (0, last - first - len(samples)))


@lru_cache(maxsize=1)
def _detector() -> Detector:
    return load_detector()
