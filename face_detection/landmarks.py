"""Sixty-eight facial landmarks, and the definition of a face box that all packages use.

The points are those of the iBUG 300-W scheme (Sagonas et al., 2013): jaw 0-16, brows 17-26, nose
27-35, eyes 36-47, outer lips 48-59, inner lips 60-67. dlib's regression trees (Kazemi and Sullivan,
CVPR 2014) place them; their file ships in the `face_recognition_models` package.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from face_detection.detection import Box, centre
from face_detection.roll import rotated

# A face is measured at one scale, so that a large face and a small one get the same jitter.
MEASURED_HEIGHT = 192
MARGIN = 0.5

# Where dlib's own detector would put its square, in heights of a fitted box. The regression trees
# were trained on that square and lean towards it.
DLIB_SIDE = 0.84
DLIB_TOP = 0.02

BROW_MARGIN = 0.18
CHIN_MARGIN = 0.10


def landmarks(frame: np.ndarray, box: Box, roll: float = 0.0) -> np.ndarray:
    """The 68 points of the face in `box`, (68, 2) float32, x then y in pixels of `frame`.

    `frame` is RGB uint8 (height, width, 3); `box` is x1, y1, x2, y2 of any face detector, may reach
    outside the frame and need not fit well: a first pass gives the fitted box, a second pass inside
    that gives the points, so that two detectors agree on them. `roll` is a guess in degrees; the
    points are biased towards it, and good within some 15 degrees.
    """
    rough = _points_in_square(frame, _square_of(box), roll, centre(box))
    return landmarks_in_fitted(frame, fit_box(rough, roll), roll)


def landmarks_in_fitted(frame: np.ndarray, box: Box, roll: float = 0.0) -> np.ndarray:
    """Like `landmarks`, for a box that is already fitted: one pass, half the time."""
    return _points_in_square(frame, _dlib_square(box), roll, centre(box))


def fit_box(points: np.ndarray, roll: float = 0.0) -> Box:
    """The face box x1, y1, x2, y2 of the landmarks `points` (68, 2), by whichever detector.

    Brow to chin is one unit: the box starts 0.18 above the brow line and ends 0.10 below the chin;
    its sides are the ends of the jaw. It is that of the face made upright by `roll` degrees, about
    its own centre.
    """
    about = points.mean(axis=0)
    level = rotated(points, -roll, about) if roll else points
    brow = float(level[17:27, 1].mean())
    chin = float(level[8, 1])
    unit = chin - brow
    jaw = level[:17, 0]
    box = (
        float(jaw.min()),
        brow - BROW_MARGIN * unit,
        float(jaw.max()),
        chin + CHIN_MARGIN * unit,
    )
    if not roll:
        return box
    dx, dy = (rotated(centre(box), roll, about) - centre(box)).tolist()
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def model_file(name: str) -> Path:
    """Where a model of the `face_recognition_models` package lies.

    Raises ModuleNotFoundError where the package is not installed.
    """
    # Importing the package would need pkg_resources, which current setuptools lacks.
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("face_recognition_models is not installed: run `make setup`")
    return Path(spec.origin).parent / "models" / name


@lru_cache(maxsize=1)
def _predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_file("shape_predictor_68_face_landmarks.dat")))


def _square_of(box: Box) -> tuple[float, float, float]:
    """Left, top and side of the square with the centre and the area of `box`."""
    x1, y1, x2, y2 = box
    side = max(((x2 - x1) * (y2 - y1)) ** 0.5, 1.0)
    return (x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side


def _dlib_square(box: Box) -> tuple[float, float, float]:
    x1, y1, x2, y2 = box
    height = max(y2 - y1, 1.0)
    side = DLIB_SIDE * height
    return (x1 + x2 - side) / 2, y1 + DLIB_TOP * height, side


def _points_in_square(
    frame: np.ndarray, square: tuple[float, float, float], roll: float, about: np.ndarray
) -> np.ndarray:
    """The points found in a square (left, top, side) that is rotated by `roll` about a point."""
    measured = round(DLIB_SIDE * MEASURED_HEIGHT)
    margin = round(MARGIN * measured)
    patch, scale, x0, y0 = upright_patch(frame, square, measured, margin, roll, about)
    shape = _predictor()(
        patch, dlib.rectangle(margin, margin, margin + measured, margin + measured)
    )
    points = np.array([(p.x, p.y) for p in shape.parts()], np.float32)
    # dlib counts from the centre of a pixel; frames here count from its corner.
    return rotated((points + 0.5) / scale + (x0, y0), roll, about).astype(np.float32)


def upright_patch(
    frame: np.ndarray,
    square: tuple[float, float, float],
    measured: int,
    margin: int,
    roll: float,
    about: np.ndarray,
) -> tuple[np.ndarray, float, float, float]:
    """The square (left, top, side) and a margin around it, rotated upright about a point.

    The square has the side `measured` in the patch, in pixels, and the margin `margin`. Returns
    patch, scale, origin x, origin y: a point p of the patch lies at p / scale + origin, rotated by
    `roll` about `about`, in the frame.
    """
    left, top, side = square
    scale = measured / side
    x0, y0 = left - margin / scale, top - margin / scale
    width = measured + 2 * margin
    inner, xa, ya = scale, 0, 0
    if scale < 0.5:
        # Warping alone would skip pixels; averaging first keeps large faces as steady as small.
        reach = width / scale
        corners = np.array([(x0, y0), (x0 + reach, y0), (x0, y0 + reach), (x0 + reach, y0 + reach)])
        corners = rotated(corners, roll, about)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        xa, ya = max(int(left), 0), max(int(top), 0)
        part = frame[ya : max(int(bottom) + 1, ya + 1), xa : max(int(right) + 1, xa + 1)]
        if part.size:
            size = tuple(max(round(n * 2 * scale), 1) for n in part.shape[1::-1])
            frame, inner = cv2.resize(part, size, interpolation=cv2.INTER_AREA), 0.5
        else:
            xa, ya = 0, 0
    # Maps pixel centres, hence the half pixels.
    shift = (inner - 1) / 2
    upright = np.array(
        [[inner, 0, (xa - x0) * scale + shift], [0, inner, (ya - y0) * scale + shift], [0, 0, 1]]
    )
    x, y = ((about - (xa, ya)) * (scale / inner) - 0.5).tolist()
    matrix = upright @ np.vstack([cv2.getRotationMatrix2D((x, y), roll, 1), np.eye(3)[2]])
    patch = cv2.warpAffine(frame, matrix[:2], (width, width), borderMode=cv2.BORDER_REPLICATE)
    return patch, scale, x0, y0
