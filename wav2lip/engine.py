"""What every lip-sync engine can do, and the way to get one: `wav2lip.load(name)`."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from media.errors import NamedError

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


def load(
    name_or_path: str | Path = "compact",
    device: str | None = None,
    batch_size: int | None = None,
    precision: str = "auto",
) -> Engine:
    """The engine for a checkpoint of the manifest, or for a file of weights, ready to use.

    `device` is torch's ("cpu", "cuda", "mps"); the best one when not given. With the precision
    "fp32" nothing is rounded for the sake of speed; "half" draws the same within a level or two;
    "int8", on a processor, within some levels, for weights of the architecture wav2lip, and all
    others as "half". "auto" is "int8" where its extra is installed, the processor is quick at it
    and the weights bear it, and else "half". Raises NamedError `checkpoint-missing`,
    `checkpoint-corrupt`, `openvino-missing`, or `bad-option` for a precision that there is not.
    """
    if precision not in PRECISIONS:
        raise NamedError(
            "bad-option",
            f"There is no precision {precision!r}.",
            f"Choose one of {', '.join(PRECISIONS)}.",
        )
    # torch takes seconds to import, and who only wants the names above should not wait for it.
    from wav2lip import weights

    path, architecture = weights.locate(name_or_path)
    if architecture == "compact":
        from wav2lip.compact.engine import CompactEngine

        return CompactEngine.from_checkpoint(path, device, precision)
    from wav2lip.wav2lip_engine import Wav2LipEngine

    return Wav2LipEngine.from_checkpoint(path, device, batch_size, precision)
