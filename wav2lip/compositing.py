"""Putting a drawn mouth into its frame so that nobody sees where it begins."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wav2lip.engine import Frame

# Shares of the box: the mouth is drawn below its middle, and fades out towards the other edges.
BLEND_TOP = 0.5
FEATHER_TOP = 0.12
FEATHER_SIDE = 0.1
FEATHER_BOTTOM = 0.08


def paste(frame: Frame, patch: Frame, box: NDArray[np.float64], blend: bool = True) -> Frame:
    """A new frame with `patch` (any size, RGB) stretched over `box` (x1, y1, x2, y2).

    With `blend` only the lower half of the box changes, under a feathered mask; without, the whole
    box is replaced, hard-edged, as the original does. What reaches beyond the frame is cut off; a
    box that holds no pixel leaves the frame as it was.
    """
    out = frame.copy()
    x1, y1, x2, y2 = pixels(box, frame)
    width, height = x2 - x1, y2 - y1
    if width < 1 or height < 1:
        return out
    interpolation = cv2.INTER_CUBIC if blend else cv2.INTER_LINEAR
    stretched = cv2.resize(patch, (width, height), interpolation=interpolation)
    if not blend:
        out[y1:y2, x1:x2] = stretched
        return out
    mask = _mask(height, width)
    top = height - len(mask)
    region = out[y1 + top : y2, x1:x2]
    mixed = region + mask[..., None] * (stretched[top:].astype(np.float32) - region)
    out[y1 + top : y2, x1:x2] = np.rint(mixed)
    return out


def pixels(box: NDArray[np.float64], frame: Frame) -> tuple[int, int, int, int]:
    """The whole pixels of `box` that lie inside `frame`, as x1, y1, x2, y2."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    return max(0, x1), max(0, y1), min(width, x2), min(height, y2)


def _mask(height: int, width: int) -> NDArray[np.float32]:
    """How much of the patch shows, 0..1, for the rows of the box from its middle down."""
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(width) + 0.5) / width
    top = _ramp((rows - BLEND_TOP) / FEATHER_TOP)
    bottom = _ramp((1 - rows) / FEATHER_BOTTOM)
    sides = _ramp(np.minimum(columns, 1 - columns) / FEATHER_SIDE)
    mask = np.outer(top * bottom, sides)
    return mask[height // 2 :].astype(np.float32)


def _ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, and between them a smooth step without a kink at either end."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
