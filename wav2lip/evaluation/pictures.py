"""What pictures are worth: likeness, sharpness, and what changed that should not have."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from wav2lip.compact import crop
from wav2lip.evaluation.footage import Rectangle

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


def change_outside(made: np.ndarray, source: np.ndarray, box: np.ndarray) -> float:
    """Mean change, in levels of 255, around a face and in its upper half, where none should be."""
    around = region(box, (-SURROUNDINGS, -SURROUNDINGS, 1 + SURROUNDINGS, 1 + SURROUNDINGS), made)
    change = np.abs(made[around].astype(np.int16) - source[around]).mean(2)
    lower = np.zeros(made.shape[:2], bool)
    x1, _, x2, y2 = box
    _, top, side = crop.square(box)
    lower[_within(top + side / 2, y2, made.shape[0]), _within(x1, x2, made.shape[1])] = True
    outside = ~lower[around]
    return float(change[outside].mean()) if outside.any() else 0.0


def with_reference(
    target: np.ndarray, box: np.ndarray, reference: np.ndarray, reference_box: np.ndarray
) -> np.ndarray:
    """`target` with the lower half of its face copied from `reference`, box upon box.

    It is what a checkpoint is to improve on: the target's upper half and pose, another's mouth.
    """
    left, top, side = crop.square(box)
    from_left, from_top, from_side = crop.square(reference_box)
    scale = side / from_side
    shift = (scale - 1) / 2  # warpAffine maps centres of pixels
    matrix = np.array(
        [
            [scale, 0, left - scale * from_left + shift],
            [0, scale, top - scale * from_top + shift],
        ]
    )
    size = (target.shape[1], target.shape[0])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    moved = cv2.warpAffine(reference, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    out = target.copy()
    where = region(box, (0.0, 0.5, 1.0, 1.0), target)
    out[where] = moved[where]
    return out


def _within(low: float, high: float, length: int) -> slice:
    start = int(np.clip(np.floor(low), 0, max(length - 8, 0)))
    return slice(start, int(np.clip(np.ceil(high), start + 8, max(length, start + 8))))
