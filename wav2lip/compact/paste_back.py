"""Paste back: the renderer's drawing put into its frame at the frame's own resolution.

The drawing is small, but its flow says where every pixel comes from. The flow is upsampled and
warps the pixels of the frame itself, which stay as sharp as they were; only the residual, what was
painted on top of the warp, is upsampled as a picture.
"""

import cv2
import numpy as np

from wav2lip import rotated_box
from wav2lip.compact import crop
from wav2lip.compact.renderer import MAX_FLOW, TOP

# Feathering: alpha falls to 0 at the edge of the box over this fraction of the box's height.
FEATHER = 0.06

Region = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels of the frame


def paste(
    frame: np.ndarray,
    box: np.ndarray,
    flow: np.ndarray,
    residual: np.ndarray,
    roll: float = 0.0,
    blend: bool = True,
) -> np.ndarray:
    """A new frame, RGB uint8 as `frame`, with the drawing in the lower part of `box`.

    `box` is x1, y1, x2, y2 in pixels, rotated by `roll` degrees clockwise about its centre. `flow`
    (56, 96, 2) float, x then y in pixels of the 96-pixel crop, points from each pixel of the result
    to where it comes from; `residual` (56, 96, 3) float, in levels of 255, is added to the warped
    pixels. Pixels outside the box are those of `frame`. With `blend` the drawing is feathered
    towards the edge of the box; without, it ends there hard.
    """
    out = frame.copy()
    region = _region(frame, box, roll)
    if region is None:
        return out
    left, top, right, bottom = region
    scale = crop.SIZE / crop.square(box)[2]
    distance = _distance_to_edge(box, roll, region)[..., None]
    feather = FEATHER * crop.square(box)[2]
    alpha = ((distance / feather).clip(0, 1) if blend else distance > 0).astype(np.float32)
    moved = _upsampled(_rotated(flow, roll), box, roll, region) * (alpha / scale)
    added = _upsampled(residual, box, roll, region) * alpha

    farthest = MAX_FLOW * crop.SIZE / 2 / scale
    margin = int(farthest * np.sqrt(2) if roll else farthest) + 3
    x0, y0 = max(left - margin, 0), max(top - margin, 0)
    source = frame[y0 : bottom + margin, x0 : right + margin]
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


def _drawn_part(box: np.ndarray) -> tuple[float, float, float, float]:
    """The part of an upright box that the drawing covers: x1, y1, x2, y2."""
    x1, _, x2, y2 = (float(value) for value in box)
    left, top, side = crop.square(box)
    return max(x1, left), top + side * TOP / crop.SIZE, min(x2, left + side), y2


def _region(frame: np.ndarray, box: np.ndarray, roll: float) -> Region | None:
    """The whole pixels of the frame inside box and drawing, None if there are none."""
    x1, y1, x2, y2 = rotated_box.around(np.array(_drawn_part(box)), roll, rotated_box.centre(box))
    height, width = frame.shape[:2]
    region = (
        max(int(np.ceil(x1)), 0),
        max(int(np.ceil(y1)), 0),
        min(int(np.floor(x2)), width),
        min(int(np.floor(y2)), height),
    )
    return region if region[0] < region[2] and region[1] < region[3] else None


def _upsampled(field: np.ndarray, box: np.ndarray, roll: float, region: Region) -> np.ndarray:
    """A field (56, 96, c) of the drawing, bicubic, at every pixel of the region."""
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


def _rotated(flow: np.ndarray, roll: float) -> np.ndarray:
    """The vectors of an upright flow in the directions of the frame."""
    if not roll:
        return flow
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return flow @ np.array([[cosine, sine], [-sine, cosine]], np.float32)


def _distance_to_edge(box: np.ndarray, roll: float, region: Region) -> np.ndarray:
    """How far, in pixels, each of the region lies inside the sides and the bottom of the box.

    0 or less where the drawing does not cover it.
    """
    x1, _, x2, y2 = (float(value) for value in box)
    columns = np.arange(region[0], region[2], dtype=np.float32)[None] + 0.5
    rows = np.arange(region[1], region[3], dtype=np.float32)[:, None] + 0.5
    covered: np.ndarray | bool = True
    if roll:
        (a, b, x), (c, d, y) = rotated_box.level(box, roll, -0.5, -0.5)
        columns, rows = a * columns + b * rows + x, c * columns + d * rows + y
        left, top, right, _ = _drawn_part(box)
        covered = (columns >= left) & (columns <= right) & (rows >= top)
    inside = np.minimum(np.minimum(columns - x1, x2 - columns), y2 - rows)
    return np.asarray(inside * covered)
