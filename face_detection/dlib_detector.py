"""dlib's frontal face detector: nothing to download, quick, and blind to profiles.

Histograms of oriented gradients under a sliding window (Dalal and Triggs, CVPR 2005; King,
"Max-Margin Object Detection", 2015). It sees faces from 80 pixels of the working copy on.
"""

from collections import deque
from collections.abc import Sequence

import cv2
import dlib
import numpy as np

from face_detection.box_refinement import each_once, fit, same_face
from face_detection.detection import Box, Detection
from face_detection.detector import BOXES_VERSION, working_copy
from face_detection.landmarks import DLIB_SIDE, DLIB_TOP
from face_detection.roll import turned

# A still is looked at once: 12 megapixels take 0.7 s and hold faces of 20 pixels, enlarged. Heads
# that lean take 0.2 s more beside large faces, and 1.5 s beside small ones or none.
STILL_PIXELS, STILL_SCALE = 12_000_000, 4.0
# A video frame takes 40 ms: faces from an eighth of the height of a 720p frame on are found.
VIDEO_PIXELS, VIDEO_SCALE = 800_000, 2.0
# The side of its smallest filter, in pixels of the working copy.
LEAST_SIDE = 80
# Above this margin it has not been seen to take anything for a face that is none.
TRUSTED_SCORE = 0.5

# How far faces lean that each of its five filters finds: three look ahead or aside, upright.
FILTER_ROLLS = (0.0, 0.0, 0.0, -30.0, 28.0)
# For heads that lean further a picture is turned by so much to either side, in a copy of so large a
# share of its pixels; beside others, whoever leans is no smaller than this share of the smallest.
# What is found there must be a clearer face.
TURN = 40.0
TURNED_SHARE = 0.5
BESIDE_SHARE = 0.5
TURNED_SCORE = 0.3


class DlibDetector:
    """Faces that look towards the camera, within some 45 degrees, and lean by no more.

    What is not `thorough` finds heads that lean by up to some 40.
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
                faces = each_once([*faces, *self._leaning(frame, faces)])
            found.append(faces)
        return found

    def _upright(self, frame: np.ndarray) -> list[Detection]:
        copy, scale = working_copy(frame, self.max_pixels, self.max_scale)
        found = [
            Detection(*_face_box(square, scale), score, FILTER_ROLLS[number])
            for square, score, number in self._found(copy)
        ]
        return fit(frame, found, TRUSTED_SCORE)

    def _leaning(self, frame: np.ndarray, upright: Sequence[Detection]) -> list[Detection]:
        """Heads that lean too far to be found `upright`, and are not among those."""
        widths = [face.x2 - face.x1 for face in upright]
        most = LEAST_SIDE / (BESIDE_SHARE * min(widths)) if widths else self.max_scale
        pixels = int(self.max_pixels * TURNED_SHARE)
        copy, scale = working_copy(frame, pixels, min(self.max_scale, most))
        found = []
        for roll in (-TURN, TURN):
            picture, shift = _levelled(copy, roll)
            for square, score, number in self._found(picture):
                if score >= TURNED_SCORE:
                    x1, y1, x2, y2 = _face_box(square, 1.0)
                    level = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - shift
                    x, y = turned(level, roll, _centre(copy)) / scale
                    half = (x2 - x1) / scale / 2, (y2 - y1) / scale / 2
                    box = x - half[0], y - half[1], x + half[0], y + half[1]
                    if not any(same_face(box, face.box) for face in upright):
                        found.append(Detection(*box, score, roll + FILTER_ROLLS[number]))
        # Much resembles a face from aslant: nothing is kept without landmarks that settle.
        return fit(frame, found, np.inf)

    def _found(self, picture: np.ndarray) -> list[tuple[dlib.rectangle, float, int]]:
        """Square, score and number of the filter of every face."""
        try:
            search = self._idle.pop()
        except IndexError:
            search = dlib.get_frontal_face_detector()
        found = search.run(np.ascontiguousarray(picture), 0, 0.0)
        self._idle.append(search)
        return list(zip(*found, strict=True))


def _centre(picture: np.ndarray) -> np.ndarray:
    return np.array(picture.shape[1::-1]) / 2


def _levelled(picture: np.ndarray, roll: float) -> tuple[np.ndarray, np.ndarray]:
    """All of the picture, turned so that faces of this roll are upright, and how far it shifted."""
    cosine, sine = np.cos(np.radians(roll)), abs(np.sin(np.radians(roll)))
    height, width = picture.shape[:2]
    size = int(width * cosine + height * sine), int(height * cosine + width * sine)
    x, y = _centre(picture)
    shift = np.array(size) / 2 - (x, y)
    matrix = cv2.getRotationMatrix2D((x - 0.5, y - 0.5), roll, 1)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, size), shift


def _face_box(square: dlib.rectangle, scale: float) -> Box:
    """The face box that usually belongs to dlib's square, which starts below the brows' margin."""
    side = square.width() / scale
    left, top = square.left() / scale, square.top() / scale
    height = side / DLIB_SIDE
    y1 = top - DLIB_TOP * height
    return left, y1, left + side, y1 + height
