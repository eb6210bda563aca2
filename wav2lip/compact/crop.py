"""The square part of a frame that the renderer sees, derived from the face box alone.

The square is as high as the box and centred on it. Training and inference both cut it here, so that
the mouth is where the renderer expects it.
"""

import cv2
import numpy as np

SIZE = 96


def square(box: np.ndarray) -> tuple[float, float, float]:
    """Left, top and side, in pixels of the frame, of the square over `box` (x1, y1, x2, y2)."""
    x1, y1, x2, y2 = (float(value) for value in box)
    side = max(y2 - y1, 1.0)
    return (x1 + x2 - side) / 2, y1, side


def crop(frame: np.ndarray, box: np.ndarray, size: int = SIZE, margin: int = 0) -> np.ndarray:
    """The square over `box` at `size` pixels with `margin` more on every side.

    RGB uint8 (size + 2 margin, size + 2 margin, 3). What lies outside the frame repeats its edge.
    """
    left, top, side = square(box)
    scale = size / side
    reach = margin / scale
    x0, y0, width = left - reach, top - reach, size + 2 * margin
    if scale < 0.5:
        frame, x0, y0, scale = _halved(frame, x0, y0, width, scale)
    # warpAffine maps centres of pixels, which lie half a pixel inside their corners.
    shift = (scale - 1) / 2
    matrix = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale]])
    return cv2.warpAffine(frame, matrix, (width, width), borderMode=cv2.BORDER_REPLICATE)


def _halved(
    frame: np.ndarray, x0: float, y0: float, width: int, scale: float
) -> tuple[np.ndarray, float, float, float]:
    """The part around the square, averaged down until warping skips no pixel."""
    times = int(0.5 / scale) + 1
    reach = int(width / scale) + 2 * times
    height, breadth = frame.shape[:2]
    xa, ya = (int(np.clip(v, 0, n - 1)) for v, n in ((x0 - times, breadth), (y0 - times, height)))
    part = frame[ya : ya + reach + 1, xa : xa + reach + 1]
    size = (max(part.shape[1] // times, 1), max(part.shape[0] // times, 1))
    part = part[: size[1] * times, : size[0] * times]
    reduced = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return reduced, (x0 - xa) / times, (y0 - ya) / times, scale * times
