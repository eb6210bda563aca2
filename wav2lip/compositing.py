"""Compositing: face crops cut out of a frame, and drawn faces pasted back under an alpha mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wav2lip import rotated_box
from wav2lip.color_matching import match_colours
from wav2lip.engine import Frame

# Fractions of the box: the alpha mask begins at its middle, and is feathered towards its edges.
BLEND_TOP = 0.5
FEATHER_TOP = 0.12
FEATHER_SIDE = 0.1
FEATHER_BOTTOM = 0.08


def crop_face(frame: Frame, box: NDArray[np.float64], side: int, roll: float = 0.0) -> Frame:
    """The face in `box` as an upright square: RGB uint8 (side, side, 3).

    `frame` is RGB uint8 (height, width, 3); `box` is x1, y1, x2, y2 in its pixels, rotated by
    `roll` degrees clockwise about its centre. An upright box is clipped to the frame before it is
    scaled, as in the original; outside the frame a rotated one repeats the frame's edge. A box
    without a pixel gives a black square.
    """
    if roll and _can_rotate(frame, box):
        face = _rotated_crop(frame, box, roll)
    else:
        x1, y1, x2, y2 = pixels(box, frame)
        if x1 >= x2 or y1 >= y2:
            return np.zeros((side, side, 3), np.uint8)
        face = frame[y1:y2, x1:x2]
    return np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def paste(
    frame: Frame, patch: Frame, box: NDArray[np.float64], blend: bool = True, roll: float = 0.0
) -> Frame:
    """A new frame, RGB uint8 as `frame`, with `patch` over `box` (x1, y1, x2, y2).

    `patch` is RGB uint8 of any size and is scaled to the box, which is rotated by `roll` degrees
    clockwise about its centre. With `blend` only the lower half of the box changes, under the
    feathered `lower_half_mask`, after colour matching; without, the whole box is replaced, hard
    edged, as the original does. What lies outside the frame is clipped; a box without a pixel
    leaves the frame as it was.
    """
    out = frame.copy()
    if roll and _can_rotate(frame, box):
        face = _rotated_crop(frame, box, roll)
        colour, alpha, top = _layer(face, patch, blend)
        return _paste_rotated(out, colour, alpha, box, roll, top)
    x1, y1, x2, y2 = pixels(box, frame)
    if x2 - x1 < 1 or y2 - y1 < 1:
        return out
    colour, alpha, top = _layer(frame[y1:y2, x1:x2], patch, blend)
    _alpha_blend(out[y1 + top : y2, x1:x2], colour, alpha)
    return out


def pixels(box: NDArray[np.float64], frame: Frame) -> tuple[int, int, int, int]:
    """`box` rounded to whole pixels and clipped to `frame`: x1, y1, x2, y2, exclusive."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    return max(0, x1), max(0, y1), min(width, x2), min(height, y2)


def lower_half_mask(height: int, width: int) -> NDArray[np.float32]:
    """The alpha mask of the lower half of a box: float32 (height - height // 2, width) in 0..1.

    It is 1 over the mouth and feathered by smoothsteps towards the middle of the box, the sides and
    the bottom.
    """
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(width) + 0.5) / width
    top = _smoothstep((rows - BLEND_TOP) / FEATHER_TOP)
    bottom = _smoothstep((1 - rows) / FEATHER_BOTTOM)
    sides = _smoothstep(np.minimum(columns, 1 - columns) / FEATHER_SIDE)
    mask = np.outer(top * bottom, sides)
    return mask[height // 2 :].astype(np.float32)


def _layer(
    face: Frame, patch: Frame, blend: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """What is blended over `face`: colour, alpha, and the row of `face` at which they begin."""
    height, width = face.shape[:2]
    interpolation = cv2.INTER_CUBIC if blend else cv2.INTER_LINEAR
    scaled = cv2.resize(patch, (width, height), interpolation=interpolation)
    if not blend:
        return scaled.astype(np.float32), np.ones((height, width), np.float32), 0
    mask = lower_half_mask(height, width)
    top = height - len(mask)
    return match_colours(scaled[top:].astype(np.float32), face[top:], mask), mask, top


def _alpha_blend(region: Frame, colour: np.ndarray, alpha: np.ndarray) -> None:
    """Blend `colour` (height, width, 3) over a `region` of a frame, in place."""
    region[:] = np.rint(region + alpha[..., None] * (colour - region)).clip(0, 255)


def _can_rotate(frame: Frame, box: NDArray[np.float64]) -> bool:
    """Whether a box is small enough for a crop in its own size; others are taken for upright."""
    return max(_size(box)) <= 4 * max(frame.shape)


def _rotated_crop(frame: Frame, box: NDArray[np.float64], roll: float) -> Frame:
    """The content of a rotated box, upright, in its own size; the frame's edge is repeated."""
    width, height = _size(box)
    matrix = rotated_box.level(box, roll)
    matrix[:, 2] -= rotated_box.centre(box) - (width / 2, height / 2)
    face = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(face, np.uint8)


def _paste_rotated(
    out: Frame,
    colour: NDArray[np.float32],
    alpha: NDArray[np.float32],
    box: NDArray[np.float64],
    roll: float,
    top: int,
) -> Frame:
    """`out` with `colour` blended over the rows from `top` on of `_rotated_crop`."""
    width, height = _size(box)
    x, y = rotated_box.centre(box)
    corner = x - width / 2, y - height / 2
    lower = np.array([corner[0], corner[1] + top, corner[0] + width, corner[1] + height])
    x1, y1, x2, y2 = pixels(np.array(rotated_box.around(lower, roll, rotated_box.centre(box))), out)
    if x1 >= x2 or y1 >= y2:
        return out
    matrix = rotated_box.level(box, roll, x1, y1)
    matrix[:, 2] += np.array([x1, y1 - top]) - corner
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = x2 - x1, y2 - y1
    rotated = cv2.warpAffine(colour, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(alpha, matrix, size, flags=flags, borderValue=0)
    _alpha_blend(out[y1:y2, x1:x2], rotated, mask)
    return out


def _size(box: NDArray[np.float64]) -> tuple[int, int]:
    x1, y1, x2, y2 = box.tolist()
    return max(round(x2 - x1), 1), max(round(y2 - y1), 1)


def _smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, and between them 3x^2 - 2x^3, without a kink at either end."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
