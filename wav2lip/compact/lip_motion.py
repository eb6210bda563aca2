"""How the contours of a mouth that shows its teeth move for a mouth shape."""

from dataclasses import dataclass

import numpy as np

from wav2lip.compact import mouth_shape
from wav2lip.compact.lip_contours import Curve, Lips

# A smile is as open as loud speech. An opening of `asked` times its own becomes
# KEEP (1 - exp(-asked / RISE)) + MORE asked of it: closed at 0, about as it was at 0.6.
KEEP, RISE, MORE = 0.6, 0.35, 0.65
# Lips that close share the way; their outer contours go this much with them; the chin a little.
UPPER_SHARE, UPPER_OUTER, LOWER_OUTER, CHIN_UP = 0.35, 0.80, 0.85, 0.15
# A mouth opens with the lower lip alone, by (1 - x^2)^ROUND at x half widths from its middle; the
# chin goes most of the way.
ROUND, CHIN_DOWN = 2.0, 0.8
# How much is done of the width and of the height of the corners that a shape has, and how far the
# width goes, in half widths.
WIDTH, CORNER, NARROWEST, WIDEST = 0.6, 0.3, -0.14, 0.05
# A smile that is not kept grows narrower, and its corners drop: in half widths.
RELAXED_WIDTH, RELAXED_CORNER = 0.12, 0.07


@dataclass(frozen=True)
class LipMotion:
    """Displacements in face units, downwards; the contours' (n,) are those of every column."""

    upper_outer: Curve
    upper_inner: Curve
    lower_inner: Curve
    lower_outer: Curve
    chin: float
    corners: float
    half_width: float  # by which it grows
    jaw: float  # how far it drops below where the photograph shows it


def spoken(lips: Lips, lengths: np.ndarray, speaking: float, smile: float) -> LipMotion:
    """The motion for `lengths` (8,) beyond a closed mouth, in the units of `mouth_shape.measure`.

    `speaking` 0..1 leads from the mouth as it is to the one that is asked for. `smile` 0..1 says
    how much of a smile is kept in it; without one the mouth is as open as it is asked to be.
    """
    lengths = np.asarray(lengths, np.float64) * lips.unit
    own = max(lips.opening, 1e-3)
    wanted = max(float(lengths[mouth_shape.OPENING]), 0.0)
    asked = wanted / own
    smiling = own * (KEEP * (1 - np.exp(-asked / RISE)) + MORE * asked)
    opening = own + speaking * (smile * smiling + (1 - smile) * wanted - own)
    relaxed = speaking * (1 - smile) * lips.half_width
    width = (WIDTH * lengths[3] / 2).clip(NARROWEST * lips.half_width, WIDEST * lips.half_width)
    sideways = float(speaking * width - RELAXED_WIDTH * relaxed)
    corners = float(speaking * CORNER * lengths[7] + RELAXED_CORNER * relaxed)
    if opening < own:
        way = lips.gap * (1 - opening / own)
        upper, lower = UPPER_SHARE * way, -(1 - UPPER_SHARE) * way
        chin = -CHIN_UP * (own - opening)
        outer = UPPER_OUTER * upper, LOWER_OUTER * lower
        return LipMotion(outer[0], upper, lower, outer[1], chin, corners, sideways, 0.0)
    jaw = opening - own
    lower = jaw * (1 - lips.across**2).clip(0) ** ROUND
    still = np.zeros_like(lower)
    return LipMotion(still, still, lower, lower, CHIN_DOWN * jaw, corners, sideways, jaw)
