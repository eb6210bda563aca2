"""A mouth that shows its teeth, moved in layers: teeth stay with the skull, lips and jaw move.

From back to front: the inside of the mouth, what the photograph shows below the upper teeth (it
goes with the jaw), the upper teeth (they stay), and skin and lips in two sheets, above the mouth
and below it. All but the first is fetched from the photograph at its own resolution.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from wav2lip.compact import lip_contours, mouth_interior, teeth
from wav2lip.compact.lip_contours import UNITS, Lips, MouthCrop
from wav2lip.compact.lip_motion import LipMotion
from wav2lip.compact.mouth_interior import Interior
from wav2lip.compact.teeth import Teeth

# Displacements are blurred by this (sigma), in face units.
BLUR = 1.2
# Nothing moves this far above the nose's end, and all does as far below that line.
ABOVE_NOSE, TOP_FADE = 10.0, 14.0
# Towards its sides the window stands still: over this many half widths of the mouth.
SIDE_FADE = 0.45
# A lip thins no further than to these fractions of its own height where the other pushes it.
THINNEST_UPPER, THINNEST_LOWER = 0.35, 0.45
# The skin between lower lip and jaw is at least so high, in face units.
LEAST_CHIN = 12.0
# A lip that left its teeth by LEFT takes none of their light along: its edge is fetched from INSET
# further in.
LEFT, INSET = 1.5, 0.9
# Lips touch where they are closer than this; there their contours are smoothed (sigma).
TOUCH, MET_SMOOTHING = 1.4, 4.0

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Mouth:
    """What is known of a mouth before it moves."""

    lips: Lips
    teeth: Teeth
    interior: Interior
    to_face: NDArray[np.float64]  # (2, 3), from pixels of the frame to face units

    @classmethod
    def analyse(
        cls, frame: np.ndarray, box: np.ndarray, roll: float, points: np.ndarray
    ) -> "Mouth | None":
        """The mouth of the face in `box`, with 68 `points` (68, 2) in face units.

        None if it shows no teeth.
        """
        crop = MouthCrop.of(frame, box, roll, points)
        lips = lip_contours.find(points, crop, lip_contours.sides(box))
        found = teeth.find(lips, crop)
        if not found.shown:
            return None
        interior = mouth_interior.prepare(lips, found, crop)
        return cls(lips, found, interior, lip_contours.to_face(box, roll))


@dataclass(frozen=True)
class Layers:
    """What shows at every point of a grid of face units: float32 (rows, columns).

    The first point lies at `left`, `top`. `..._y` and `x` are displacements, from the result to
    where it is fetched.
    """

    left: float
    top: float
    x: Field
    upper_y: Field  # of the sheet above the mouth
    lower_y: Field
    below_upper: Field  # how far below the upper lip
    above_lower: Field
    above_edge: Field  # how far above the edge of the upper teeth
    below_content: Field  # how far below the top of what goes with the jaw inside the mouth
    content_y: Field
    touching: Field  # 0..1, how much the lips touch
    beyond: Field  # 0..1, how far outside the corners
    covered: Field  # 0..1, how much of the teeth the upper lip has come to cover
    fill: Field  # (rows, columns, 3) RGB, the inside of the mouth


def layers(mouth: Mouth, motion: LipMotion) -> Layers:
    """The layers of `mouth` after a `motion`."""
    lips, half = mouth.lips, mouth.lips.half_width
    columns, across = lips.columns, np.abs(lips.across)
    end = min(float(lips.jaw.max()) + 0.35 * half + 6, UNITS - 4.0)
    first = np.floor(lips.nose - ABOVE_NOSE)
    y = (np.arange(first, np.ceil(end) + 1, dtype=np.float32) + 0.5)[:, None]

    reach = np.minimum(columns - columns[0], columns[-1] - columns)
    side = _smooth(reach / (SIDE_FADE * half))
    shift, sideways = _sideways(lips, motion.half_width, y)
    shift, sideways = side * shift, side * sideways * _smooth((y - first) / TOP_FADE)

    def shown(curve: np.ndarray) -> np.ndarray:
        """The heights that the contour in each column of the result had before."""
        return np.interp(columns + shift, columns, curve).astype(np.float32)

    bend = np.exp(-(((across - 1).clip(0) / 0.45) ** 2)) * across.clip(0, 1) ** 2
    corners = motion.corners * bend * side
    upper_outer, upper_inner, lower_inner, lower_outer, jaw = (
        shown(curve)
        for curve in (
            lips.upper_outer, lips.upper_inner, lips.lower_inner, lips.lower_outer, lips.jaw
        )
    )  # fmt: skip
    to_upper, to_lower = (
        contour + shown(moved) + corners
        for contour, moved in (
            (upper_inner, motion.upper_inner), (lower_inner, motion.lower_inner)
        )
    )  # fmt: skip
    # Beside the mouth the jaw's edge goes up to the ears.
    jaw = np.maximum(jaw, lower_outer + LEAST_CHIN)
    crossed = np.minimum(to_lower - to_upper, 0) / 2
    to_upper, to_lower = to_upper + crossed, to_lower - crossed
    # Where lips touch their line is smooth, although contours of a blurred mouth are not.
    met = (1 - (to_lower - to_upper) / TOUCH).clip(0, 1)
    to_upper, to_lower = (
        contour + met * (gaussian_filter1d(contour, MET_SMOOTHING, mode="nearest") - contour)
        for contour in (to_upper, to_lower)
    )
    to_upper_outer = np.minimum(
        upper_outer + shown(motion.upper_outer) + corners,
        to_upper - THINNEST_UPPER * (upper_inner - upper_outer),
    )
    to_lower_outer = np.maximum(
        lower_outer + shown(motion.lower_outer) + corners,
        to_lower + THINNEST_LOWER * (lower_outer - lower_inner),
    )
    chin = motion.chin * np.exp(-((lips.across / 1.15) ** 2) / 2) * side
    to_jaw = np.maximum(jaw + chin, to_lower_outer + LEAST_CHIN / 2)

    came, went = to_upper - upper_inner, to_lower - lower_inner
    upper_edge = upper_inner - INSET * (np.abs(came) / LEFT).clip(0, 1)
    lower_edge = lower_inner + INSET * (np.abs(went) / LEFT).clip(0, 1)
    nose, bottom = np.full_like(jaw, lips.nose), np.full_like(jaw, end)
    upper_y = _piecewise(
        y,
        (nose, to_upper_outer, to_upper),
        (nose, np.minimum(upper_outer, upper_edge), upper_edge),
    )
    lower_y = _piecewise(
        y,
        (to_lower, to_lower_outer, to_jaw, bottom),
        (lower_edge, np.maximum(lower_outer, lower_edge), jaw, bottom),
    )

    # Below the upper teeth, lower teeth go with the lip and a dark gap grows wider. A gap that is
    # too narrow to tell belongs to the lip.
    edge = mouth.teeth.edge
    gap = lower_inner - edge
    along = np.maximum(mouth.teeth.lower, 1 - _smooth((gap - 1) / 1.5))
    wider = (y - edge) * (gap / np.maximum(to_lower - edge, 0.5) - 1)
    touched, touch = (
        (1 - opened / TOUCH).clip(0, 1)
        for opened in (lower_inner - upper_inner, to_lower - to_upper)
    )
    touching = (touch - touched).clip(0) * ((1 - across) / 0.25).clip(0, 1)
    gone = (np.abs(went) / LEFT).clip(0, 1)
    ones = np.ones_like(y)
    return Layers(
        left=float(columns[0]),
        top=float(y[0, 0]),
        x=_blurred(sideways),
        upper_y=_blurred(upper_y),
        lower_y=_blurred(lower_y),
        below_upper=y - to_upper,
        above_lower=to_lower - y,
        above_edge=edge - 0.6 * (went / LEFT).clip(0, 1) - y,
        # Where nothing moved, not even the edge between the two layers is to be seen.
        below_content=y - (edge + along * went) + 2 * (1 - gone),
        content_y=(1 - along) * wider - along * went,
        touching=ones * touching,
        beyond=ones * ((across - 1) / 0.1).clip(0, 1),
        covered=ones * (came / LEFT).clip(0, 1),
        fill=mouth_interior.fill(mouth.interior, lips, to_upper, edge, to_lower, y, motion.jaw),
    )


def _sideways(lips: Lips, growth: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Displacements to the side as the mouth grows wider: of its columns, and of all points."""
    across = np.abs(lips.across)
    reach = np.where(across < 1, across, np.exp(-(((across - 1) / 0.7) ** 2)))
    shift = -np.sign(lips.across) * growth * reach
    return shift, shift * np.exp(-(((y - lips.height) / (0.9 * lips.half_width)) ** 2) / 2)


def _piecewise(y: np.ndarray, to: tuple[Field, ...], shown: tuple[Field, ...]) -> Field:
    """Displacement at heights `y` of a sheet whose contours `shown` come to lie at `to`.

    It is linear between two of them; above the first and below the last it stays as it is there.
    """
    moved = [before - after for before, after in zip(shown, to, strict=True)]
    out = moved[0] + np.zeros_like(y)
    for upper in range(len(to) - 1):
        room = np.maximum(to[upper + 1] - to[upper], 0.3)
        out += ((y - to[upper]) / room).clip(0, 1) * (moved[upper + 1] - moved[upper])
    return out


def _blurred(field: np.ndarray) -> Field:
    field = np.ascontiguousarray(field, np.float32)
    return np.asarray(cv2.GaussianBlur(field, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE))


def _smooth(x: np.ndarray) -> np.ndarray:
    x = x.clip(0, 1)
    return x * x * (3 - 2 * x)
