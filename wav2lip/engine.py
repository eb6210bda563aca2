"""What every lip-sync engine can do."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # RGB (height, width, 3)
Pads = tuple[int, int, int, int]  # top, bottom, left, right, in source pixels
Precision = Literal["auto", "half", "fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Engine(Protocol):
    """Turns frames, face boxes and sound into frames; knows nothing of files, people or jobs."""

    name: str
    architecture: str
    device: str
    pads: Pads  # how far a box is grown before `render`, where the user says nothing

    def drive(
        self, mel: NDArray[np.float32], start: int, stop: int, fps: Fraction
    ) -> NDArray[np.float32]:
        """What moves the mouth in result frames start..stop, as (stop - start, ...).

        `mel` is the whole voice as `audio.mel_spectrogram` gives it; a slice of frames gets the
        same values whichever other frames are asked for, so that segments join without a seam.
        """
        ...

    def render(
        self,
        frames: Sequence[Frame],
        boxes: NDArray[np.float64],
        drive: NDArray[np.float32],
        blend: bool = True,
        rolls: NDArray[np.float64] | None = None,
        moving: bool = False,
    ) -> list[Frame]:
        """`frames` with the mouth inside `boxes` (n, 4) moved by `drive` (n, ...): new arrays.

        `boxes` are grown by the pads already, and each is turned by its `rolls` (n,) in degrees,
        clockwise, about its centre; without them all are upright. Without `blend` what is
        drawn ends with a hard edge, as the original's does. `moving` says that the
        mouth moves by itself in the frames, as in a video, so that engines take that out first.

        Two threads may call this at once. A frame may be a part of a picture, with the box in its
        middle: an engine looks no farther from that than the longer of its sides.
        """
        ...
