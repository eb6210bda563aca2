"""The facts about a file of picture, video or sound, and the limits they are held to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

Kind = Literal["image", "video", "audio"]

NOTES = {
    "hdr": "The source has a high dynamic range: it was tone-mapped to the standard one.",
    "interlaced": "This video is interlaced: it was deinterlaced.",
    "held": "The video has fewer than 20 frames a second: its frames are held, and the mouth moves "
    "25 times a second.",
    "reduced": "The picture has more pixels than many players can show: it was made smaller. Boxes "
    "and crops count the pixels of the smaller one.",
    "several-pictures": "This file holds several pictures: only the first one is used.",
    "transparent": "This video has an alpha channel: what is transparent was laid on white.",
}
"""What is done to a picture or video before anything else, in words for its owner, by code."""

LARGEST_FRAME = 36_864 * 256
"""Pixels of the largest frame of H.264 up to level 5.2 (ITU-T H.264, table A-1: MaxFS), such as
4096x2304. Decoders of phones, of graphics cards and of Windows end there."""
LARGEST_SIDE = 8_688  # pixels; of the same levels (A.3.1: the root of 8 MaxFS)


def working_size(width: int, height: int) -> tuple[int, int]:
    """The size (width, height) at which a picture of a size is worked on: its own, if it can be.

    It is reduced to even sides where it is beyond `LARGEST_FRAME` or `LARGEST_SIDE`.
    """
    scale = min(1, math.sqrt(LARGEST_FRAME / (width * height)), LARGEST_SIDE / max(width, height))
    if scale == 1:
        return width, height
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


SLOWEST_RATE = Fraction(20)  # frames a second; below, a mouth jumps from shape to shape
MOUTH_RATE = Fraction(25)  # of the footage that the networks are trained on


def working_rate(rate: Fraction) -> Fraction:
    """Frames a second at which a video of a `rate` is worked on: its own, if a mouth can move."""
    return rate if rate >= SLOWEST_RATE else MOUTH_RATE


@dataclass(frozen=True)
class Limits:
    """What a file may measure at most; beyond, `probe` raises `too-large` or `too-long`.

    `animated_pixels` are those of all frames of a GIF or WebP together: half a minute of
    1920x1080. `metadata` counts the characters of all tags. `channels` and `sample_rate` (in
    hertz) are those of a sound track.
    """

    bytes: int = 2 * 1024**3
    pixels: int = 65_000_000
    side: int = 16_384
    duration: Fraction = Fraction(3600)
    frames: int = 250_000
    streams: int = 32
    animated_pixels: int = 2_000_000_000
    metadata: int = 1_000_000
    channels: int = 8
    sample_rate: int = 768_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class MediaInfo:
    """The facts about a file that everything else is planned by.

    Sizes are pixels of the upright picture. `fps` is the constant rate at which
    `media.video.read_frames` reads, and `frames` is the number of frames it yields;
    both are None for pictures and sounds. `duration` is in seconds, None for pictures.
    `notes` are keys of `NOTES`.
    """

    kind: Kind
    width: int | None = None
    height: int | None = None
    fps: Fraction | None = None
    frames: int | None = None
    duration: Fraction | None = None
    has_audio: bool = False
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; fractions are written like "30000/1001"."""
        return {
            "kind": self.kind,
            "width": self.width,
            "height": self.height,
            "fps": None if self.fps is None else str(self.fps),
            "frames": self.frames,
            "duration": None if self.duration is None else str(self.duration),
            "has_audio": self.has_audio,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MediaInfo:
        """The inverse of `to_dict`, also of what older versions stored.

        They had no `notes`, and sizes beyond `working_size`, at which nothing is read any more.
        """
        size = values["width"], values["height"]
        width, height = size if None in size else working_size(*size)
        return cls(
            **{
                **values,
                "width": width,
                "height": height,
                "fps": None if values["fps"] is None else Fraction(values["fps"]),
                "duration": None if values["duration"] is None else Fraction(values["duration"]),
                "notes": tuple(values.get("notes", ())),
            }
        )
