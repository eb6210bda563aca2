"""The spec of a result: source, options, voices, persons; and which frames it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import repeat
from pathlib import Path

import numpy as np

from face_detection.detection import Box
from face_detection.persons import Person
from media.errors import NamedError
from media.pictures import read_picture
from media.planar import BT709, Colours, Planar
from media.probe import MediaInfo, content_hash
from media.timeline import frames_shown, result_frames, round_half_up, source_indices
from media.transform import Transform
from media.video import read_frames, read_frames_at, read_planar_at, stored_colours
from rendering.drawable import undrawable
from rendering.options import Options

STILL_FPS = Fraction(25)


@dataclass(frozen=True)
class VoiceTrack:
    """A sound, the number of its speaker, and where it lies in the result.

    `start` and `duration` are seconds, `gain` decibels. `known_sha256` is that of the file's bytes
    where it is known already.
    """

    path: Path
    person: int
    duration: Fraction
    start: Fraction = Fraction(0)
    gain: float = 0.0
    known_sha256: str = ""

    @property
    def end(self) -> Fraction:
        return self.start + self.duration

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the file's bytes, in hex."""
        return self.known_sha256 or content_hash(self.path)


@dataclass(frozen=True)
class Source:
    """A picture or video, changed by the options before anything looks at it.

    `known_sha256` is that of the file's bytes where it is known already.
    """

    path: Path
    info: MediaInfo
    options: Options
    known_sha256: str = ""

    @property
    def is_one_frame(self) -> bool:
        """Whether all result frames show the same picture."""
        return self.info.kind == "image" or self.options.still

    @property
    def is_fixed(self) -> bool:
        """Whether one face box holds for all frames."""
        return self.is_one_frame or self.options.static or self.options.box is not None

    @property
    def frames(self) -> int:
        return 1 if self.is_one_frame else self.info.frames or 1

    @property
    def fps(self) -> Fraction:
        """The rate of the result: a video's own; that of a still is chosen."""
        chosen = self.options.fps if self.is_one_frame else None
        return chosen or self.info.fps or STILL_FPS

    @property
    def transform(self) -> Transform:
        options = self.options
        return Transform(options.resize_factor, options.rotate, options.crop)

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the file's bytes, in hex."""
        return self.known_sha256 or content_hash(self.path)

    @property
    def frames_key(self) -> str:
        """What the frames depend on besides the bytes: the options, and how they are read."""
        reduced = f" {self.info.width}x{self.info.height}" if "reduced" in self.info.notes else ""
        return f"{self.transform.key()} {self.info.fps}{reduced}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every frame. Raises NamedError bad-option if nothing is left."""
        try:
            return self.transform.size(self.info.width or 1, self.info.height or 1)
        except ValueError as error:
            raise NamedError(
                "bad-option", str(error), "Choose a crop that lies inside the picture."
            ) from error

    def read(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """The frames at `indices`, RGB uint8 (height, width, 3); of one frame the same array."""
        if self.is_one_frame:
            yield from repeat(self._only_frame, len(indices))
            return
        for frame in read_frames_at(self.path, indices, self.info.fps):
            yield self.transform.apply(frame)

    def read_planar(self, indices: Sequence[int]) -> Iterator[Planar]:
        """As `read`, in `colours`: what the options leave as it is stored stays so."""
        if self.is_one_frame:
            yield from repeat(Planar.of_rgb(self._only_frame), len(indices))
        elif self.has_stored_planes:
            yield from read_planar_at(self.path, indices, self.info.fps, self.colours)
        else:
            yield from map(Planar.of_rgb, self.read(indices))

    @property
    def has_stored_planes(self) -> bool:
        """Whether `read_planar` gives frames as they are stored, where they are 8-bit 4:2:0."""
        return not self.is_one_frame and self.transform.is_identity

    @cached_property
    def colours(self) -> Colours:
        """What the numbers of planar frames mean, and those of the result."""
        if not self.has_stored_planes:
            return BT709
        return stored_colours(self.path)

    @cached_property
    def _only_frame(self) -> np.ndarray:
        if self.info.kind == "image":
            return self.transform.apply(read_picture(self.path))
        return self.transform.apply(next(iter(read_frames(self.path, 0, 1, self.info.fps))))


@dataclass(frozen=True)
class RenderSpec:
    """Everything that decides the result, to the last bit."""

    source: Source
    voices: tuple[VoiceTrack, ...]
    persons: tuple[Person, ...]

    @property
    def fps(self) -> Fraction:
        return self.source.fps

    @property
    def frames(self) -> int:
        """How many frames the result has."""
        return frames_of_result(self.source, [voice.end for voice in self.voices])

    def indices(self, start: int, stop: int) -> list[int]:
        """The source's frames that are shown in the result frames start..stop."""
        source = self.source
        return source_indices(start, stop, source.frames, source.options.sync_mode, self.frames)

    @property
    def speakers(self) -> list[Person]:
        """The persons who have a voice."""
        numbers = {voice.person for voice in self.voices}
        return [person for person in self.persons if person.id in numbers]

    def box(self, person: Person, frame: int) -> Box | None:
        """Where `person` is in the source's frame, None where that face cannot be drawn.

        It may be out of sight, or see `drawable`. A box that the user gave is always drawn.
        """
        frame = self._detected_frame(frame)
        if self.source.options.box is None and frame in undrawable(person):
            return None
        return person.box_at(frame, smooth=self.source.options.smooth)

    def roll(self, person: Person, frame: int) -> float:
        """By how many degrees that box is turned about its centre, see `face_detection.roll`."""
        return person.roll_at(self._detected_frame(frame), smooth=self.source.options.smooth)

    def _detected_frame(self, frame: int) -> int:
        return 0 if self.source.is_fixed else frame


def frames_of_result(source: Source, ends: Sequence[Fraction]) -> int:
    """How many frames a result has whose voices end at `ends` seconds.

    One picture has no length of its own: its result is as long as the voices in every mode.
    """
    own = None if source.is_one_frame else source.frames
    return result_frames(max(ends), source.fps, source.options.sync_mode, own)


def frames_to_detect(source: Source, ends: Sequence[Fraction]) -> int:
    """How many frames, from the first, must be searched for faces: those that the result shows."""
    if source.options.box is not None:
        return 0
    if source.is_fixed:
        return 1
    return frames_shown(source.frames, frames_of_result(source, ends), source.options.sync_mode)


def plan(frames: int, fps: Fraction, seconds: float) -> list[tuple[int, int]]:
    """Segments start..stop of about `seconds`, that together are the frames 0..frames.

    They lie on one grid, whatever `frames` is, so that detections of a source can be found again
    by other jobs; a short rest belongs to the segment before it.
    """
    length = max(1, round_half_up(Fraction(seconds) * fps))
    starts = list(range(0, frames, length))
    if len(starts) > 1 and frames - starts[-1] < length / 2:
        starts.pop()
    return list(zip(starts, [*starts[1:], frames], strict=True)) if starts else []
