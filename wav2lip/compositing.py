"""Putting a drawn mouth into its frame so that nobody sees where it begins."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wav2lip import rotated_box
from wav2lip.color_matching import matched
from wav2lip.engine import Frame

# Shares of the box: the mouth is drawn below its middle, and fades out towards the other edges.
BLEND_TOP = 0.5
FEATHER_TOP = 0.12
FEATHER_SIDE = 0.1
FEATHER_BOTTOM = 0.08


def cut(frame: Frame, box: NDArray[np.float64], side: int, roll: float = 0.0) -> Frame:
    """The face in `box`, upright, as a square of `side` pixels; black if the box holds no pixel."""
    if roll and _can_lean(frame, box):
        seen = _levelled(frame, box, roll)
    else:
        x1, y1, x2, y2 = pixels(box, frame)
        if x1 >= x2 or y1 >= y2:
            return np.zeros((side, side, 3), np.uint8)
        seen = frame[y1:y2, x1:x2]
    return np.asarray(cv2.resize(seen, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def paste(
    frame: Frame, patch: Frame, box: NDArray[np.float64], blend: bool = True, roll: float = 0.0
) -> Frame:
    """A new frame with `patch` (any size, RGB) over `box` (x1, y1, x2, y2), turned by `roll`.

    With `blend` only the lower half of the box changes, under a feathered mask, in the light of
    the face around it; without, the whole box is replaced, hard-edged, as the original does. What
    reaches beyond the frame is cut off; a box that holds no pixel leaves the frame as it was.
    """
    out = frame.copy()
    if roll and _can_lean(frame, box):
        seen = _levelled(frame, box, roll)
        drawn, mask, top = _drawn(seen, patch, blend)
        return _turned_back(out, drawn, mask, box, roll, top)
    x1, y1, x2, y2 = pixels(box, frame)
    if x2 - x1 < 1 or y2 - y1 < 1:
        return out
    drawn, mask, top = _drawn(frame[y1:y2, x1:x2], patch, blend)
    _mix(out[y1 + top : y2, x1:x2], drawn, mask)
    return out


def pixels(box: NDArray[np.float64], frame: Frame) -> tuple[int, int, int, int]:
    """The whole pixels of `box` that lie inside `frame`, as x1, y1, x2, y2."""
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    return max(0, x1), max(0, y1), min(width, x2), min(height, y2)


def lower_mask(height: int, width: int) -> NDArray[np.float32]:
    """How much of a patch shows, 0..1, in the rows from the middle down of a box of that size."""
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(width) + 0.5) / width
    top = _ramp((rows - BLEND_TOP) / FEATHER_TOP)
    bottom = _ramp((1 - rows) / FEATHER_BOTTOM)
    sides = _ramp(np.minimum(columns, 1 - columns) / FEATHER_SIDE)
    mask = np.outer(top * bottom, sides)
    return mask[height // 2 :].astype(np.float32)


def _drawn(
    seen: Frame, patch: Frame, blend: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    """`patch` as it is to look where `seen` is: picture, mask, and from which row of `seen` on."""
    height, width = seen.shape[:2]
    interpolation = cv2.INTER_CUBIC if blend else cv2.INTER_LINEAR
    stretched = cv2.resize(patch, (width, height), interpolation=interpolation)
    if not blend:
        return stretched.astype(np.float32), np.ones((height, width), np.float32), 0
    mask = lower_mask(height, width)
    top = height - len(mask)
    return matched(stretched[top:].astype(np.float32), seen[top:], mask), mask, top


def _mix(region: Frame, drawn: np.ndarray, mask: np.ndarray) -> None:
    """Change `region` of a frame to `drawn` as far as `mask` says."""
    region[:] = np.rint(region + mask[..., None] * (drawn - region)).clip(0, 255)


def _can_lean(frame: Frame, box: NDArray[np.float64]) -> bool:
    """Whether a box is of the frame's order of size: any other is taken for upright, and cut."""
    return max(_size(box)) <= 4 * max(frame.shape)


def _levelled(frame: Frame, box: NDArray[np.float64], roll: float) -> Frame:
    """What a turned box shows, upright and in its own size; outside the frame its edge repeats."""
    width, height = _size(box)
    matrix = rotated_box.level(box, roll)
    matrix[:, 2] -= rotated_box.centre(box) - (width / 2, height / 2)
    seen = cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8)


def _turned_back(
    out: Frame,
    drawn: NDArray[np.float32],
    mask: NDArray[np.float32],
    box: NDArray[np.float64],
    roll: float,
    top: int,
) -> Frame:
    """`out` with the rows from `top` on of what `_levelled` shows changed to `drawn`."""
    width, height = _size(box)
    x, y = rotated_box.centre(box)
    corner = x - width / 2, y - height / 2
    lower = np.array([corner[0], corner[1] + top, corner[0] + width, corner[1] + height])
    x1, y1, x2, y2 = pixels(np.array(rotated_box.around(lower, roll, rotated_box.centre(box))), out)
    if x1 >= x2 or y1 >= y2:
        return out
    matrix = rotated_box.level(box, roll, x1, y1)
    matrix[:, 2] += np.array([x1, y1 - top]) - corner
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = x2 - x1, y2 - y1
    shown = cv2.warpAffine(drawn, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, matrix, size, flags=how, borderValue=0)
    _mix(out[y1:y2, x1:x2], shown, share)
    return out


def _size(box: NDArray[np.float64]) -> tuple[int, int]:
    x1, y1, x2, y2 = box.tolist()
    return max(round(x2 - x1), 1), max(round(y2 - y1), 1)


def _ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 below 0, 1 above 1, and between them a smooth step without a kink at either end."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
