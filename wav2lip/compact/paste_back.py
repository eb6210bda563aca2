"""Putting a drawing into its frame at the frame's own resolution.

The drawing is small, but it says where every pixel comes from: its flow is enlarged and moves the
original pixels, which stay as sharp as they were; only what was painted is enlarged as a picture.
"""

import cv2
import numpy as np

from wav2lip import rotated_box
from wav2lip.compact import crop
from wav2lip.compact.renderer import REACH, TOP

# The drawing fades out before the edge of its box, over this share of the box's height.
FEATHER = 0.06


def paste(
    frame: np.ndarray,
    box: np.ndarray,
    flow: np.ndarray,
    painted: np.ndarray,
    roll: float = 0.0,
    blend: bool = True,
) -> np.ndarray:
    """A new frame whose lower face in `box` (x1, y1, x2, y2), turned by `roll`, is as drawn.

    `flow` (56, 96, 2), x then y in pixels of the 96-pixel crop, points from the result to where
    each pixel comes from; `painted` (56, 96, 3) in levels of 255 is added after that. Pixels
    outside the box are those of `frame`; the drawing ends there at once without `blend`.
    """
    out = frame.copy()
    region = _region(frame, box, roll)
    if region is None:
        return out
    left, top, right, bottom = region
    enlarge = crop.SIZE / crop.square(box)[2]
    inside = _inside(box, roll, region)[..., None]
    feather = FEATHER * crop.square(box)[2]
    fade = ((inside / feather).clip(0, 1) if blend else inside > 0).astype(np.float32)
    moved = _enlarged(_turned(flow, roll), box, roll, region) * (fade / enlarge)
    added = _enlarged(painted, box, roll, region) * fade

    farthest = REACH * crop.SIZE / 2 / enlarge
    reach = int(farthest * np.sqrt(2) if roll else farthest) + 3
    x0, y0 = max(left - reach, 0), max(top - reach, 0)
    source = frame[y0 : bottom + reach, x0 : right + reach]
    columns = np.arange(left - x0, right - x0, dtype=np.float32)
    rows = np.arange(top - y0, bottom - y0, dtype=np.float32)
    warped = cv2.remap(
        source,
        moved[..., 0] + columns[None],
        moved[..., 1] + rows[:, None],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out[top:bottom, left:right] = np.rint(warped + added).clip(0, 255)
    return out


def _drawn(box: np.ndarray) -> tuple[float, float, float, float]:
    """The part of an upright box that the drawing covers: x1, y1, x2, y2."""
    x1, _, x2, y2 = (float(value) for value in box)
    left, top, side = crop.square(box)
    return max(x1, left), top + side * TOP / crop.SIZE, min(x2, left + side), y2


def _region(frame: np.ndarray, box: np.ndarray, roll: float) -> tuple[int, int, int, int] | None:
    """The whole pixels of the frame that lie inside the box and the drawing."""
    x1, y1, x2, y2 = rotated_box.around(np.array(_drawn(box)), roll, rotated_box.centre(box))
    height, width = frame.shape[:2]
    region = (
        max(int(np.ceil(x1)), 0),
        max(int(np.ceil(y1)), 0),
        min(int(np.floor(x2)), width),
        min(int(np.floor(y2)), height),
    )
    return region if region[0] < region[2] and region[1] < region[3] else None


def _enlarged(
    field: np.ndarray, box: np.ndarray, roll: float, region: tuple[int, int, int, int]
) -> np.ndarray:
    """A field (56, 96, c) of the drawing at every pixel of the region."""
    left, top, side = crop.square(box)
    scale = crop.SIZE / side
    x, y = region[0] + 0.5 - left, region[1] + 0.5 - top
    inverse = np.array([[scale, 0, x * scale - 0.5], [0, scale, y * scale - 0.5 - TOP]])
    return cv2.warpAffine(
        np.ascontiguousarray(field, np.float32),
        rotated_box.after(inverse, rotated_box.level(box, roll, region[0], region[1])),
        (region[2] - region[0], region[3] - region[1]),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _turned(flow: np.ndarray, roll: float) -> np.ndarray:
    """The arrows of a flow on a face that leans."""
    if not roll:
        return flow
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return flow @ np.array([[cosine, sine], [-sine, cosine]], np.float32)


def _inside(box: np.ndarray, roll: float, region: tuple[int, int, int, int]) -> np.ndarray:
    """How far, in pixels, each of the region lies inside the sides and the bottom of the box."""
    x1, _, x2, y2 = (float(value) for value in box)
    columns = np.arange(region[0], region[2], dtype=np.float32)[None] + 0.5
    rows = np.arange(region[1], region[3], dtype=np.float32)[:, None] + 0.5
    covered: np.ndarray | bool = True
    if roll:
        (a, b, x), (c, d, y) = rotated_box.level(box, roll, -0.5, -0.5)
        columns, rows = a * columns + b * rows + x, c * columns + d * rows + y
        left, top, right, _ = _drawn(box)
        covered = (columns >= left) & (columns <= right) & (rows >= top)
    inside = np.minimum(np.minimum(columns - x1, x2 - columns), y2 - rows)
    return np.asarray(inside * covered)
