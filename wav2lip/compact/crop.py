"""The square part of a frame that the renderer sees, derived from the face box alone.

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
    """The square over `box`, turned by `roll`, at `size` pixels with `margin` more on every side.

    RGB uint8 (size + 2 margin, size + 2 margin, 3). What lies outside the frame repeats its edge.
    """
    left, top, side = square(box)
    scale = size / side
    reach = margin / scale
    x0, y0, width = left - reach, top - reach, size + 2 * margin
    pivot = np.array([left + side / 2, top + side / 2])
    times, xa, ya = 1, 0, 0
    if scale < 0.5:
        seen = np.array([x0, y0, x0 + width / scale, y0 + width / scale])
        times = int(0.5 / scale) + 1
        frame, xa, ya = _reduced(frame, rotated_box.around(seen, roll, pivot), times)
    scale *= times
    x0, y0, pivot = (x0 - xa) / times, (y0 - ya) / times, (pivot - (xa, ya)) / times
    # warpAffine maps centres of pixels, which lie half a pixel inside their corners.
    shift = (scale - 1) / 2
    upright = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale]])
    matrix = rotated_box.after(upright, rotated_box.level(np.tile(pivot, 2), roll))
    return cv2.warpAffine(frame, matrix, (width, width), borderMode=cv2.BORDER_REPLICATE)


def _reduced(
    frame: np.ndarray, seen: tuple[float, float, float, float], times: int
) -> tuple[np.ndarray, int, int]:
    """The part of the frame around `seen` (x1, y1, x2, y2), averaged down so many times.

    And where it begins. Warping alone would skip pixels.
    """
    x1, y1, x2, _ = seen
    height, breadth = frame.shape[:2]
    xa, ya = (int(np.clip(v, 0, n - 1)) for v, n in ((x1 - times, breadth), (y1 - times, height)))
    reach = int(round(x2 - x1, 6)) + 2 * times
    part = frame[ya : ya + reach + 1, xa : xa + reach + 1]
    size = (max(part.shape[1] // times, 1), max(part.shape[0] // times, 1))
    part = part[: size[1] * times, : size[0] * times]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA), xa, ya
