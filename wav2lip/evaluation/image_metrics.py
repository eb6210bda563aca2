"""What pictures are worth: likeness, sharpness, and what changed that should not have."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from face_detection.roll import turned
from wav2lip import rotated_box
from wav2lip.compact import crop
from wav2lip.evaluation.footage import Face, Rectangle

# Pictures of whole levels cannot be told to be nearer than rounding: 58.9 dB for a perfect copy.
LEAST_ERROR = 1 / 12
# Room around a face in which a change would be seen, in heights of its box.
SURROUNDINGS = 0.25

Region = tuple[slice, slice]


def region(box: np.ndarray, part: Rectangle, frame: np.ndarray) -> Region:
    """Rows and columns of `frame` that `part` covers, a part of the square over `box`.

    Never less than eight pixels a side, where the frame is that large.
    """
    left, top, side = crop.square(box)
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = part
    return (
        _within(top + y1 * side, top + y2 * side, height),
        _within(left + x1 * side, left + x2 * side, width),
    )


def decibels(made: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two RGB uint8 pictures: 58.9 dB where they are equal."""
    error = np.mean((made.astype(np.float64) - real) ** 2)
    return float(10 * np.log10(255**2 / max(error, LEAST_ERROR)))


def likeness(made: np.ndarray, real: np.ndarray, where: Region) -> float:
    """SSIM (Wang et al. 2004, Gaussian window) of two RGB pictures, averaged over `where`."""
    rows, columns = (
        slice(max(side.start - 8, 0), side.stop + 8) for side in where
    )  # the window looks beyond the edge
    _, field = structural_similarity(
        made[rows, columns],
        real[rows, columns],
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(where, (rows, columns), strict=True)
    )
    return float(field[inner].mean())


def sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian of an RGB picture (Pech-Pacheco et al. 2000)."""
    grey = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def change_outside(made: np.ndarray, source: np.ndarray, face: Face) -> float:
    """Mean change, in levels of 255, around a face and in its upper half, where none should be."""
    around = region(
        face.box, (-SURROUNDINGS, -SURROUNDINGS, 1 + SURROUNDINGS, 1 + SURROUNDINGS), made
    )
    change = np.abs(made[around].astype(np.int16) - source[around]).mean(2)
    lower = np.zeros(made.shape[:2], bool)
    half = _lower_half(face.box)
    x1, y1, x2, y2 = rotated_box.around(half, face.roll, rotated_box.centre(face.box))
    lower[_within(y1, y2, made.shape[0]), _within(x1, x2, made.shape[1])] = True
    outside = ~lower[around]
    return float(change[outside].mean()) if outside.any() else 0.0


def with_reference(
    target: np.ndarray, face: Face, reference: np.ndarray, reference_face: Face
) -> np.ndarray:
    """`target` with the lower half of its face copied from `reference`, box upon box.

    It is what a checkpoint is to improve on: the target's upper half and pose, another's mouth.
    """
    to, of = (_corners(_square(each.box), each) for each in (face, reference_face))
    matrix = cv2.getAffineTransform(of[:3].astype(np.float32), to[:3].astype(np.float32))
    size = (target.shape[1], target.shape[0])
    moved = cv2.warpAffine(
        reference, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    half = np.zeros(target.shape[:2], np.uint8)
    cv2.fillConvexPoly(half, _corners(_lower_half(face.box), face).round().astype(np.int32), 1)
    return np.where(half[..., None] == 1, moved, target)


def _square(box: np.ndarray) -> np.ndarray:
    left, top, side = crop.square(box)
    return np.array([left, top, left + side, top + side])


def _lower_half(box: np.ndarray) -> np.ndarray:
    _, top, side = crop.square(box)
    return np.array([box[0], top + side / 2, box[2], box[3]])


def _corners(part: np.ndarray, face: Face) -> np.ndarray:
    """The corners (4, 2) of a part of a face's box, in places of pixels of the frame."""
    x1, y1, x2, y2 = part
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    # OpenCV counts from the centre of a pixel.
    return turned(corners, face.roll, rotated_box.centre(face.box)) - 0.5


def _within(low: float, high: float, length: int) -> slice:
    start = int(np.clip(np.floor(low), 0, max(length - 8, 0)))
    return slice(start, int(np.clip(np.ceil(high), start + 8, max(length, start + 8))))
