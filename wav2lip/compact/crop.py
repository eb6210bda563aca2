"""The square crop of a frame that the renderer sees, derived from the face box alone.

The square is as high as the box and centred on it. Training and inference both cut it here, so that
the mouth is where the renderer expects it.
"""

import cv2
import numpy as np

from wav2lip import rotated_box

SIZE = 96


def square(box: np.ndarray) -> tuple[float, float, float]:
    """Left, top and side, in pixels of the frame, of the square over `box` (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = (float(value) for value in box)
    side = max(y2 - y1, 1.0)
    return (x1 + x2 - side) / 2, y1, side


def crop(
    frame: np.ndarray, box: np.ndarray, size: int = SIZE, margin: int = 0, roll: float = 0.0
) -> np.ndarray:
    """The square over `box`, rotated upright and scaled to `size` pixels.

    `frame` is RGB uint8 (height, width, 3), `box` x1, y1, x2, y2 in its pixels, `roll` the degrees
    (clockwise) by which the face leans; `margin` adds that many pixels of the crop on every side.
    Returns RGB uint8 (size + 2 margin, size + 2 margin, 3); outside the frame its edge is repeated.
    """
    return crop_part(frame, box, size, (-margin, -margin, size + margin, size + margin), roll)


def crop_part(
    frame: np.ndarray, box: np.ndarray, size: int, part: tuple[int, int, int, int], roll: float
) -> np.ndarray:
    """Of the `crop` of `size` pixels only `part`: left, top, right, bottom in pixels of the crop.

    It may reach outside the square.
    """
    left, top, side = square(box)
    scale = size / side
    x1, y1, x2, y2 = part
    x0, y0, width, height = left + x1 / scale, top + y1 / scale, x2 - x1, y2 - y1
    pivot = np.array([left + side / 2, top + side / 2])
    factor, xa, ya = 1, 0, 0
    if scale < 0.5:
        covered = np.array([x0, y0, x0 + width / scale, y0 + height / scale])
        factor = int(0.5 / scale) + 1
        frame, xa, ya = _downscaled(frame, rotated_box.around(covered, roll, pivot), factor)
    scale *= factor
    x0, y0, pivot = (x0 - xa) / factor, (y0 - ya) / factor, (pivot - (xa, ya)) / factor
    # warpAffine maps centres of pixels, which lie half a pixel inside their corners.
    shift = (scale - 1) / 2
    upright = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale]])
    matrix = rotated_box.after(upright, rotated_box.level(np.tile(pivot, 2), roll))
    return cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _downscaled(
    frame: np.ndarray, area: tuple[float, float, float, float], factor: int
) -> tuple[np.ndarray, int, int]:
    """The part of the frame around `area` (x1, y1, x2, y2), smaller by the whole number `factor`,
    and the x and y at which it begins. Area averaging prevents the aliasing of a warp alone.
    """
    x1, y1, x2, y2 = area
    height, width = frame.shape[:2]
    xa, ya = (int(np.clip(v, 0, n - 1)) for v, n in ((x1 - factor, width), (y1 - factor, height)))
    wide, high = (int(round(length, 6)) + 2 * factor for length in (x2 - x1, y2 - y1))
    part = frame[ya : ya + high + 1, xa : xa + wide + 1]
    size = (max(part.shape[1] // factor, 1), max(part.shape[0] // factor, 1))
    part = part[: size[1] * factor, : size[0] * factor]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA), xa, ya
