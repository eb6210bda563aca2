"""The lips of a face as curves over its columns, and where exactly they end.

Lengths are *face units*: 192 to the side of the square that `crop.square` lays over the face box,
from its left upper corner, the face being level. Landmarks are some units off on a smile; where
the lips end there, their colour says (active contours by dynamic programming: Amini, Weymouth and
Jain, PAMI 1990).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from wav2lip import rotated_box
from wav2lip.compact.crop import crop_part, square

UNITS = 192
# Resolution of the crop of a mouth in pixels to the unit, and the units that it adds around lips.
DENSITY, AROUND = 2, 16

# The window of columns goes so many half widths of the mouth to either side, within the box.
REACH = 2.2

Curve = NDArray[np.float32]  # (columns,) the height of a contour in each column, in face units

# Landmarks of the iBUG 68-point scheme, from left to right in the picture.
_UPPER_OUTER, _LOWER_OUTER = range(48, 55), (48, 59, 58, 57, 56, 55, 54)
_UPPER_INNER, _LOWER_INNER = (48, 60, 61, 62, 63, 64, 54), (48, 60, 67, 66, 65, 64, 54)
_JAW = range(3, 14)

# The inner contours of a mouth that is open less than this are left to the landmarks.
OPEN = 3.0
# A contour is searched this far from the landmarks, in units, in steps of one DENSITY-th; it is
# smoothed by so much (sigma).
SNAP_REACH, SNAP_SMOOTHING = 5.0, 2.0
# What a step costs from column to column, and the farthest offset, in levels of Lab.
STEP_COST, FAR_COST = 1.0, 4.0
# How much a change of light counts beside one of redness where the upper teeth begin.
LIGHT = 0.25


@dataclass(frozen=True)
class Lips:
    """Contours of a mouth. `columns` (n,) are the middles of consecutive units."""

    points: NDArray[np.float32]  # (68, 2)
    columns: Curve
    upper_outer: Curve
    upper_inner: Curve
    lower_inner: Curve
    lower_outer: Curve
    jaw: Curve

    @property
    def left(self) -> float:
        return float(self.points[48, 0])

    @property
    def right(self) -> float:
        return float(self.points[54, 0])

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def height(self) -> float:
        """Of the corners."""
        return float(self.points[[48, 54], 1].mean())

    @property
    def half_width(self) -> float:
        return max((self.right - self.left) / 2, 6.0)

    @property
    def nose(self) -> float:
        """Where the nose ends."""
        return float(self.points[31:36, 1].mean()) + 2.0

    @property
    def unit(self) -> float:
        """What `mouth_shape.measure` divides by, in face units."""
        eyes, bridge = self.points[45] - self.points[36], self.points[30] - self.points[27]
        return float(np.linalg.norm(eyes) / 2 + np.linalg.norm(bridge))

    @property
    def across(self) -> Curve:
        """Where each column lies: -1 at the left corner, 1 at the right one."""
        return np.asarray((self.columns - self.middle) / self.half_width, np.float32)

    @property
    def gap(self) -> Curve:
        """How far the lips are apart in each column."""
        return self.lower_inner - self.upper_inner

    @property
    def opening(self) -> float:
        """The mean gap in the middle of the mouth."""
        return float(self.gap[np.abs(self.across) < 0.4].mean())


def to_face(box: np.ndarray, roll: float) -> rotated_box.Matrix:
    """The affine map (2, 3) from centres of pixels, counted from 0, to face units."""
    left, top, side = square(box)
    scale = UNITS / side
    upright = np.array([[scale, 0, (0.5 - left) * scale], [0, scale, (0.5 - top) * scale]])
    pivot = np.array([left + side / 2, top + side / 2])
    return rotated_box.after(upright, rotated_box.level(np.tile(pivot, 2), roll))


def sides(box: np.ndarray) -> tuple[float, float]:
    """The sides of the face box, or of its square where that is narrower, in face units."""
    wide = UNITS * min(float(box[2] - box[0]) / square(box)[2], 1.0)
    return (UNITS - wide) / 2, (UNITS + wide) / 2


def on_face(points: np.ndarray, matrix: rotated_box.Matrix) -> NDArray[np.float32]:
    """Points (n, 2) of a frame, in whose pixels corners are whole numbers, in face units."""
    return np.asarray((points - 0.5) @ matrix[:, :2].T + matrix[:, 2], np.float32)


@dataclass(frozen=True)
class MouthCrop:
    """The part of a level face around its mouth, DENSITY pixels to the unit.

    `rgb` (h, w, 3) in 0..255 and `lab` (h, w, 3) in CIE Lab, float32; the left upper corner lies at
    `left`, `top` in whole face units.
    """

    rgb: NDArray[np.float32]
    lab: NDArray[np.float32]
    left: int
    top: int

    @classmethod
    def of(cls, frame: np.ndarray, box: np.ndarray, roll: float, points: np.ndarray) -> "MouthCrop":
        """The surroundings of the lips of a face with 68 `points` (68, 2) in face units."""
        low, high = points[48:].min(0) - AROUND, points[48:].max(0) + AROUND
        left, top = np.floor(low).astype(int).tolist()
        right, bottom = np.ceil(high).astype(int).tolist()
        part = left * DENSITY, top * DENSITY, right * DENSITY, bottom * DENSITY
        patch = crop_part(frame, box, UNITS * DENSITY, part, roll).astype(np.float32)
        lab = np.asarray(cv2.cvtColor(patch / 255, cv2.COLOR_RGB2LAB), np.float32)
        return cls(patch, lab, left, top)

    @cached_property
    def colourfulness(self) -> float:
        """0 for a picture without colours, 1 where lips differ in theirs from skin and teeth."""
        spread = np.percentile(self.lab[..., 1], (5, 95))
        return float(np.clip((spread[1] - spread[0] - 2) / 4, 0, 1))

    def sample(self, plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """`plane` (h, w) or (h, w, 3) of the crop at points in face units, linearly."""
        at_x, at_y = (
            ((each - first) * DENSITY - 0.5).astype(np.float32)
            for each, first in zip(np.broadcast_arrays(x, y), (self.left, self.top), strict=True)
        )
        out = cv2.remap(plane, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out)


def find(points: np.ndarray, crop: MouthCrop, face_sides: tuple[float, float]) -> Lips:
    """The lips around `points` (68, 2) in face units, snapped to the colours in `crop`.

    `face_sides` are those of the face, see `sides`.
    """
    half = max(float(points[54, 0] - points[48, 0]) / 2, 6.0)
    middle = float(points[54, 0] + points[48, 0]) / 2
    first = np.ceil(max(middle - REACH * half, face_sides[0]))
    last = max(np.floor(min(middle + REACH * half, face_sides[1])), first + 2)
    columns: Curve = np.arange(first, last, dtype=np.float32) + np.float32(0.5)
    outer = [_curve(points, which, columns) for which in (_UPPER_OUTER, _LOWER_OUTER)]
    inner = [_curve(points, which, columns) for which in (_UPPER_INNER, _LOWER_INNER)]
    # Towards the corners lips grow thin; the few landmarks there cut the corner of an open mouth.
    round_lip = np.sqrt((1 - ((columns - middle) / half) ** 2).clip(0))
    upper_lip, lower_lip = (
        np.abs(points[within, 1] - points[beside, 1]).mean() * round_lip
        for within, beside in (([61, 62, 63], [50, 51, 52]), ([65, 66, 67], [56, 57, 58]))
    )
    inner[0] = np.minimum(inner[0], outer[0] + upper_lip)
    inner[1] = np.maximum(inner[1], outer[1] - lower_lip)
    lips = Lips(
        np.asarray(points, np.float32),
        columns,
        outer[0],
        *_apart(*inner, *outer),
        outer[1],
        _curve(points, _JAW, columns),
    )
    inside = np.flatnonzero((columns > lips.left) & (columns < lips.right))
    if lips.gap.max() < OPEN:
        return lips
    upper, lower = _snapped(crop, columns, (lips.upper_inner, lips.lower_inner), inside)
    upper, lower = _apart(upper, lower, *outer)
    return replace(lips, upper_inner=upper, lower_inner=lower)


def _curve(points: np.ndarray, which: Sequence[int], columns: Curve) -> Curve:
    """The height, in every column, of a curve through landmarks, level beyond its ends."""
    x, y = points[list(which)].T
    order = np.argsort(x)
    x, y = x[order], y[order]
    far = np.concatenate(([True], np.diff(x) > 0.3))
    x, y = x[far], y[far]
    if len(x) < 2:
        return np.full(len(columns), y.mean(), np.float32)
    return np.asarray(PchipInterpolator(x, y)(columns.clip(x[0], x[-1])), np.float32)


def _apart(
    upper: Curve, lower: Curve, upper_outer: Curve, lower_outer: Curve
) -> tuple[Curve, Curve]:
    """Inner contours that stay inside the outer ones and do not cross."""
    upper, lower = np.maximum(upper, upper_outer), np.minimum(lower, lower_outer)
    meet = np.minimum(lower - upper, 0) / 2
    return upper + meet, lower - meet


def _snapped(
    crop: MouthCrop, columns: Curve, curves: tuple[Curve, Curve], inside: np.ndarray
) -> tuple[Curve, Curve]:
    """The inner contours moved to where redness changes most from the lip to what is inside.

    Redness falls, downwards, at the upper contour, where teeth are also brighter than the lip, and
    rises at the lower one. In a picture without colours it is the light that changes.
    """
    offsets = np.arange(-SNAP_REACH, SNAP_REACH + 0.01, 1 / DENSITY, dtype=np.float32)
    blurred = cv2.GaussianBlur(crop.lab[..., :2], (0, 0), 0.6 * DENSITY)
    x = columns[inside][:, None]
    y = np.stack(curves)[:, inside, None] + offsets
    change = np.stack(
        [
            crop.sample(blurred, x, each - 1.0) - crop.sample(blurred, x, each + 1.0)
            for each in y
        ]
    )  # fmt: skip
    falling = np.array([1, -1], np.float32)[:, None, None]
    edge = falling * change[..., 1] + (1 - crop.colourfulness) * np.abs(change[..., 0]) / 3
    edge[0] += crop.colourfulness * (-change[0, ..., 0]).clip(0) * LIGHT
    path = _best_path(edge - FAR_COST * (offsets / SNAP_REACH) ** 2)
    moved = gaussian_filter1d(offsets[path], SNAP_SMOOTHING, axis=1, mode="nearest")
    count = len(inside)
    ends = (np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.06 * count)).clip(0, 1)
    upper, lower = (curve.copy() for curve in curves)
    upper[inside] += moved[0] * ends
    lower[inside] += moved[1] * ends
    return upper, lower


def _best_path(gain: np.ndarray) -> np.ndarray:
    """The offsets (curves, columns) with the most `gain` (curves, columns, offsets) on the way.

    A path goes on at the same offset or at a neighbour of it, which costs STEP_COST.
    """
    curves, count, offsets = gain.shape
    total, came = gain[:, 0], np.zeros((curves, count, offsets), int)
    steps = np.full((3, curves, offsets), -np.inf, np.float32)
    for column in range(1, count):
        steps[0, :, 1:] = total[:, :-1] - STEP_COST
        steps[1] = total
        steps[2, :, :-1] = total[:, 1:] - STEP_COST
        came[:, column] = steps.argmax(0) - 1
        total = gain[:, column] + steps.max(0)
    path = np.empty((curves, count), int)
    at, rows = total.argmax(1), np.arange(curves)
    for column in range(count - 1, -1, -1):
        path[:, column] = at
        at = at + came[rows, column, at]
    return path
