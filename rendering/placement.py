"""The placement of a speaker's face in each frame, and the part of the frame an engine is given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from face_detection.persons import Person
from media.planar import Planar, Window
from rendering.spec import RenderSpec
from wav2lip.engine import Engine, Pads
from wav2lip.rotated_box import grown


@dataclass(frozen=True, eq=False)
class FacePlacement:
    """Where a face lies in frame number `frame` of a batch.

    `box` (4,) float64 is x1, y1, x2, y2 in pixels of the frame, with the pads, turned by `roll`
    degrees about its centre. `window` is the part of the frame that an engine is given.
    """

    frame: int
    box: np.ndarray
    roll: float
    window: Window

    @property
    def box_in_window(self) -> np.ndarray:
        """`box` in pixels of the window."""
        left, top, _, _ = self.window
        return self.box - np.array([left, top, left, top])


def place_faces(
    spec: RenderSpec,
    speaker: Person,
    engine: Engine,
    frames: Sequence[Planar],
    indices: Sequence[int],
) -> list[FacePlacement]:
    """The placements of the speaker's face in `frames`, which are the source's at `indices`.

    Frames in which the speaker cannot be drawn have none.
    """
    boxes = {
        n: box for n, index in enumerate(indices) if (box := spec.box(speaker, index)) is not None
    }
    if not boxes:
        return []
    rolls = np.array([spec.roll(speaker, indices[n]) for n in boxes])
    padded = grown(np.array(list(boxes.values())), rolls, _pads(spec, engine))
    return [
        FacePlacement(n, box, roll, window)
        for n, box, roll in zip(boxes, padded, rolls.tolist(), strict=True)
        if (window := frames[n].around(*_surroundings(box))) is not None
    ]


def _pads(spec: RenderSpec, engine: Engine) -> Pads:
    options = spec.source.options
    if options.box is not None:  # the user's box is taken as it is
        return 0, 0, 0, 0
    return engine.pads if options.pads is None else options.pads


def _surroundings(box: np.ndarray) -> tuple[float, float, float, float]:
    """The box around all that an engine reads, however the face in `box` is turned."""
    x1, y1, x2, y2 = box.tolist()
    x, y, reach = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1)
    return x - reach, y - reach, x + reach, y + reach
