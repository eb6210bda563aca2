"""dlib's frontal face detector: nothing to download, quick, and blind to profiles.

Histograms of oriented gradients under a sliding window (Dalal and Triggs, CVPR 2005; King,
"Max-Margin Object Detection", 2015). It sees faces from 80 pixels of the working copy on.
"""

from collections import deque
from collections.abc import Sequence

import cv2
import dlib
import numpy as np

from face_detection.box_refinement import fit, non_maximum_suppression, same_face
from face_detection.detection import Box, Detection
from face_detection.detector import BOXES_VERSION, working_copy
from face_detection.landmarks import DLIB_SIDE, DLIB_TOP
from face_detection.roll import rotated

# A still is searched once: 12 megapixels take 0.7 s and hold faces of 20 pixels, enlarged. The
# search for rolled heads takes 0.2 s more beside large faces, and 1.5 s beside small ones or none.
STILL_PIXELS, STILL_SCALE = 12_000_000, 4.0
# A video frame takes 40 ms: faces from an eighth of the height of a 720p frame on are found.
VIDEO_PIXELS, VIDEO_SCALE = 800_000, 2.0
# The side of its smallest filter, in pixels of the working copy.
SMALLEST_FILTER = 80
# No false positive was seen with a larger margin.
TRUSTED_SCORE = 0.5

# The roll of the faces that each of its five filters finds: three are for upright faces.
FILTER_ROLLS = (0.0, 0.0, 0.0, -30.0, 28.0)
# Strongly rolled heads are searched for in a copy rotated by so many degrees to either side, with
# this fraction of the pixels. Where others were found, a rolled head may be as small as this
# fraction of the smallest of them. A score there must be higher.
ROTATION = 40.0
ROTATED_PIXELS = 0.5
ROTATED_MIN_SIZE = 0.5
ROTATED_MIN_SCORE = 0.3


class DlibDetector:
    """Faces within some 45 degrees of the camera's direction, and with a roll of up to 45.

    A search that is not `thorough` finds a roll of up to some 40.
    """

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
        # dlib's own, each for one thread at a time; to make one takes a fifth of a second.
        self._idle = deque([dlib.get_frontal_face_detector()])

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        found = []
        for frame in frames:
            faces = self._upright(frame)
            if thorough:
                faces = non_maximum_suppression([*faces, *self._rolled(frame, faces)])
            found.append(faces)
        return found

    def _upright(self, frame: np.ndarray) -> list[Detection]:
        copy, scale = working_copy(frame, self.max_pixels, self.max_scale)
        found = [
            Detection(*_face_box(square, scale), score, FILTER_ROLLS[number])
            for square, score, number in self._search(copy)
        ]
        return fit(frame, found, TRUSTED_SCORE)

    def _rolled(self, frame: np.ndarray, upright: Sequence[Detection]) -> list[Detection]:
        """Heads with too much roll for the first search, which found `upright`."""
        widths = [face.x2 - face.x1 for face in upright]
        most = SMALLEST_FILTER / (ROTATED_MIN_SIZE * min(widths)) if widths else self.max_scale
        pixels = int(self.max_pixels * ROTATED_PIXELS)
        copy, scale = working_copy(frame, pixels, min(self.max_scale, most))
        found = []
        for roll in (-ROTATION, ROTATION):
            picture, shift = _made_upright(copy, roll)
            for square, score, number in self._search(picture):
                if score >= ROTATED_MIN_SCORE:
                    x1, y1, x2, y2 = _face_box(square, 1.0)
                    level = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - shift
                    x, y = rotated(level, roll, _centre(copy)) / scale
                    half = (x2 - x1) / scale / 2, (y2 - y1) / scale / 2
                    box = x - half[0], y - half[1], x + half[0], y + half[1]
                    if not any(same_face(box, face.box) for face in upright):
                        found.append(Detection(*box, score, roll + FILTER_ROLLS[number]))
        # False positives are common in rotated pictures: landmarks must converge on all of them.
        return fit(frame, found, np.inf)

    def _search(self, picture: np.ndarray) -> list[tuple[dlib.rectangle, float, int]]:
        """Square, score and number of the filter of every face in an RGB `picture`."""
        try:
            search = self._idle.pop()
        except IndexError:
            search = dlib.get_frontal_face_detector()
        found = search.run(np.ascontiguousarray(picture), 0, 0.0)
        self._idle.append(search)
        return list(zip(*found, strict=True))


def _centre(picture: np.ndarray) -> np.ndarray:
    return np.array(picture.shape[1::-1]) / 2


def _made_upright(picture: np.ndarray, roll: float) -> tuple[np.ndarray, np.ndarray]:
    """The whole picture rotated until faces of this roll are upright, and its shift in pixels."""
    cosine, sine = np.cos(np.radians(roll)), abs(np.sin(np.radians(roll)))
    height, width = picture.shape[:2]
    size = int(width * cosine + height * sine), int(height * cosine + width * sine)
    x, y = _centre(picture)
    shift = np.array(size) / 2 - (x, y)
    matrix = cv2.getRotationMatrix2D((x - 0.5, y - 0.5), roll, 1)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, size), shift


def _face_box(square: dlib.rectangle, scale: float) -> Box:
    """The face box that usually goes with dlib's square, in pixels of the original."""
    side = square.width() / scale
    left, top = square.left() / scale, square.top() / scale
    height = side / DLIB_SIDE
    y1 = top - DLIB_TOP * height
    return left, y1, left + side, y1 + height
