"""What every lip-sync engine can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]  # RGB (height, width, 3)
Pads = tuple[int, int, int, int]  # top, bottom, left, right, in source pixels
Precision = Literal["auto", "half", "fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class Style:
    """How a mouth speaks, where the engine can tell (the compact one).

    `strength` multiplies how far it moves (0.5 to 1.5); `smile` says how much of a smile stays in
    a picture that shows teeth: 0 relaxes it while speaking, 1 keeps it.
    """

    smile: float = 0.6
    strength: float = 1.0


class MouthFinder(Protocol):
    """Finds out about the mouths of a source what `Engine.render` does better with.

    That depends on the source alone, so that it is found once for all frames that show the same.
    """

    reach: int  # `steadied` looks at so many frames before and after each

    def find(
        self, frame: Frame, box: NDArray[np.float64], roll: float, landmarks: NDArray[np.float32]
    ) -> Any:
        """What is known of the mouth of the face in `box`, as `Engine.render` has it.

        `landmarks` (68, 2) are in the iBUG 68-point scheme and pixels of the frame, NaN for a face
        without. Two threads may call this at once.
        """
        ...

    def steadied(self, found: Sequence[Any]) -> list[Any]:
        """What was found in consecutive frames of a video, None where nothing was, for `render`.

        A mouth is drawn in another way only in the course of several frames.
        """
        ...


class Engine(Protocol):
    """Turns frames, face boxes and sound into frames; knows nothing of files, people or jobs."""

    name: str
    architecture: str
    device: str
    pads: Pads  # how far a box is grown before `render`, where the user says nothing
    mouth_finder: MouthFinder | None

    def drive(
        self, mel: NDArray[np.float32], start: int, stop: int, fps: Fraction
    ) -> NDArray[np.float32]:
        """The driving features of result frames start..stop: (stop - start, ...) float32.

        `mel` (80, T) is the whole voice as `audio.mel_spectrogram` gives it. A frame gets the same
        values whichever others are asked for with it, so that segments join without a seam.
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
        mouths: Sequence[Any] | None = None,
        style: Style = ...,
    ) -> list[Frame]:
        """New frames, RGB uint8, with the mouth inside `boxes` (n, 4) animated by `drive` (n, ...).

        `boxes` are x1, y1, x2, y2 with the pads added, each rotated by its `rolls` (n,) in degrees,
        clockwise, about its centre; without `rolls` all are upright. Without `blend` the drawing
        ends with a hard edge, as the original's does. `moving` says that the mouth moves by itself
        in the frames, as in a video; an engine may close it first.
        `mouths` (n) are what the engine's `mouth_finder` found in the frames.

        Two threads may call this at once. A frame may be a crop of a picture with the box in its
        middle: an engine reads no pixel farther from the box than the longer of its sides.
        """
        ...
