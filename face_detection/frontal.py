"""dlib's frontal face detector: nothing to download, quick, and blind to profiles.

Histograms of oriented gradients under a sliding window (Dalal and Triggs, CVPR 2005; King,
"Max-Margin Object Detection", 2015). It sees faces from 80 pixels of the working copy on.
"""

from collections.abc import Sequence

import dlib
import numpy as np

from face_detection.detection import Box, Detection
from face_detection.detectors import BOXES_VERSION, working_copy
from face_detection.fitting import fit
from face_detection.landmarks import DLIB_SIDE, DLIB_TOP

# A still is looked at once: 12 megapixels take 0.8 s and hold faces of 20 pixels, enlarged.
STILL_PIXELS, STILL_SCALE = 12_000_000, 4.0
# A video frame takes 40 ms: faces from an eighth of the height of a 720p frame on are found.
VIDEO_PIXELS, VIDEO_SCALE = 800_000, 2.0
# Above this margin it has not been seen to take anything for a face that is none.
TRUSTED_SCORE = 0.5


class DlibDetector:
    """Faces that look towards the camera, within some 45 degrees."""

    name = "dlib"
    batch_size = 1

    def __init__(
        self, *, still: bool = False, max_pixels: int | None = None, max_scale: float | None = None
    ) -> None:
        self.max_pixels = max_pixels or (STILL_PIXELS if still else VIDEO_PIXELS)
        self.max_scale = max_scale or (STILL_SCALE if still else VIDEO_SCALE)
        self.parameters: dict[str, str | int | float] = {
            "boxes": BOXES_VERSION,
            "max_pixels": self.max_pixels,
            "max_scale": self.max_scale,
        }
        self._search = dlib.get_frontal_face_detector()

    def detect(self, frames: Sequence[np.ndarray]) -> list[list[Detection]]:
        return [fit(frame, self._find(frame), TRUSTED_SCORE) for frame in frames]

    def _find(self, frame: np.ndarray) -> list[Detection]:
        copy, scale = working_copy(frame, self.max_pixels, self.max_scale)
        squares, scores, _ = self._search.run(np.ascontiguousarray(copy), 0, 0.0)
        return [
            Detection(*_face_box(square, scale), float(score))
            for square, score in zip(squares, scores, strict=True)
        ]


def _face_box(square: dlib.rectangle, scale: float) -> Box:
    """The face box that usually belongs to dlib's square, which starts below the brows' margin."""
    side = square.width() / scale
    left, top = square.left() / scale, square.top() / scale
    height = side / DLIB_SIDE
    y1 = top - DLIB_TOP * height
    return left, y1, left + side, y1 + height
