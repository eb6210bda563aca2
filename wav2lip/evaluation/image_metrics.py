"""Metrics of one image: PSNR, SSIM, sharpness, and change where there should be none."""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from face_detection.roll import rotated
from wav2lip import rotated_box
from wav2lip.compact import crop
from wav2lip.evaluation.footage import Face, Rectangle

# Variance of the rounding to whole levels. No smaller error can be measured, so that the PSNR of a
# perfect copy is 58.9 dB and not infinite.
ROUNDING_ERROR = 1 / 12
# Margin around a face in which a change would be visible, in sides of the square over its box.
CONTEXT = 0.25
MIN_SIDE = 8  # pixels of a region, if the image has them
INSIDE = 30  # pixels between open lips, below which they say nothing of teeth and tongue
SSIM_SIGMA, SSIM_REACH = 1.5, 8  # of the Gaussian window, in pixels

PixelRegion = tuple[slice, slice]  # rows, columns


def pixel_region(box: np.ndarray, part: Rectangle, image: np.ndarray) -> PixelRegion:
    """Rows and columns of `image` (h, w, 3) that cover `part` of the square over `box`.

    `part` is in sides of that square, from its corner, as `Footage.lip_region`. A region has at
    least eight pixels a side.
    """
    left, top, side = crop.square(box)
    height, width = image.shape[:2]
    x1, y1, x2, y2 = part
    return (
        _clipped(top + y1 * side, top + y2 * side, height),
        _clipped(left + x1 * side, left + x2 * side, width),
    )


def psnr(rendered: np.ndarray, real: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two RGB uint8 images, in dB: 58.9 if they are equal."""
    error = np.mean((rendered.astype(np.float64) - real) ** 2)
    return float(10 * np.log10(255**2 / max(error, ROUNDING_ERROR)))


def ssim(rendered: np.ndarray, real: np.ndarray, region: PixelRegion) -> float:
    """Structural similarity of two RGB uint8 images, in -1..1, averaged over a region.

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
    Transactions on Image Processing 13(4), 2004, with its Gaussian window.
    """
    rows, columns = (
        slice(max(side.start - SSIM_REACH, 0), side.stop + SSIM_REACH) for side in region
    )
    _, similarity = structural_similarity(
        rendered[rows, columns],
        real[rows, columns],
        channel_axis=2,
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(region, (rows, columns), strict=True)
    )
    return float(similarity[inner].mean())


def sharpness(image: np.ndarray) -> float:
    """Variance of the Laplacian of an RGB uint8 image, in levels squared.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def sharpness_inside(image: np.ndarray, outline: np.ndarray) -> float:
    """`sharpness` within the polygon `outline` (k, 2), in pixels; NaN if fewer than INSIDE are."""
    x1, y1 = np.floor(outline.min(0)).astype(int).clip(1)
    x2, y2 = np.ceil(outline.max(0)).astype(int) + 1
    part = np.ascontiguousarray(image[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1])
    if min(part.shape[:2]) < 3:
        return float("nan")
    inside = np.zeros(part.shape[:2], np.uint8)
    cv2.fillPoly(inside, [(outline - (x1 - 0.5, y1 - 0.5)).round().astype(np.int32)], 1)
    if inside.sum() < INSIDE:
        return float("nan")
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[inside > 0].var())


def change_outside_mouth(rendered: np.ndarray, source: np.ndarray, face: Face) -> float:
    """Mean absolute change, in levels of 255, where none should be.

    That is in the upper half of the face box and CONTEXT around it; 0.0 if the frame shows none of
    that.
    """
    around = pixel_region(face.box, (-CONTEXT, -CONTEXT, 1 + CONTEXT, 1 + CONTEXT), rendered)
    change = np.abs(rendered[around].astype(np.int16) - source[around]).mean(2)
    lower = np.zeros(rendered.shape[:2], bool)
    half = _lower_half(face.box)
    x1, y1, x2, y2 = rotated_box.around(half, face.roll, rotated_box.centre(face.box))
    lower[_clipped(y1, y2, rendered.shape[0]), _clipped(x1, x2, rendered.shape[1])] = True
    outside = ~lower[around]
    return float(change[outside].mean()) if outside.any() else 0.0


def copy_lower_face(
    target: np.ndarray, face: Face, reference: np.ndarray, reference_face: Face
) -> np.ndarray:
    """`target` with the lower half of its face copied from `reference`: RGB uint8, a new array.

    The square over the box of the reference is mapped to that of the target. The result has the
    target's upper half and pose, and another frame's mouth: what a checkpoint has to improve on.
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
    """The corners (4, 2) of a part (4,) of a rotated box, in OpenCV's pixel coordinates."""
    x1, y1, x2, y2 = part
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    # OpenCV counts from the centre of a pixel.
    return rotated(corners, face.roll, rotated_box.centre(face.box)) - 0.5


def _clipped(low: float, high: float, length: int) -> slice:
    """low..high rounded outwards, within 0..length and MIN_SIDE long where that is possible."""
    start = int(np.clip(np.floor(low), 0, max(length - MIN_SIDE, 0)))
    stop = np.clip(np.ceil(high), start + MIN_SIDE, max(length, start + MIN_SIDE))
    return slice(start, int(stop))
