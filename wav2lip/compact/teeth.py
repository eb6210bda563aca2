"""The teeth that a mouth shows: which pixels they are, and where the upper ones end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from wav2lip.compact.lip_contours import DENSITY, Curve, Lips, MouthCrop

# Teeth are at least so bright beside the lips, and so much less red (a* of CIE Lab). In a picture
# without colours they are told by their light alone.
BRIGHT, LESS_RED = 0.9, 4.0
BRIGHT_IN_GREY = 1.2
# The upper teeth begin at the first row this bright, and end at the first this dark: fractions of
# the 80th percentile and of the brightest yet.
BEGIN, END = 0.72, 0.66
# Their edge is taken for an arc where this fraction of the columns in the middle shows it.
SHOWN = 0.3

# A mouth counts as showing teeth from the first value on, and wholly from the second: the fraction
# of teeth in the area inside the lips, and the mean gap in the middle in face units.
AREA, GAP = (0.12, 0.32), (2.0, 4.5)
# Lower teeth are seen, likewise, by their fraction of the area below the upper ones.
LOWER = (0.15, 0.35)
# Lips are drawn with an outline where their inner edges are this dark beside them: not from the
# first fraction on, wholly from the second. It is looked for so far around the contours, in units.
OUTLINE, OUTLINE_REACH = (0.60, 0.35), 1.5
# Lips of fewer samples than this are too thin to tell what is no lip.
LEAST_LIPS = 8


@dataclass(frozen=True)
class Teeth:
    """`edge` (columns,): the height at which the upper teeth end, in face units."""

    edge: Curve
    lower: float  # 0..1, how much of what is seen below that edge is lower teeth
    shown: float  # 0..1, how much the mouth is one that shows teeth
    lip: NDArray[np.float32]  # (3,) median RGB of the lips
    tooth: NDArray[np.float32]  # (3,) of the brighter teeth
    dark: NDArray[np.float32] | None  # (3,) of what is dark inside the mouth, where that is seen
    outline: float  # the light along the inner edges of the lips, as a fraction of that of the lips
    outlined: float  # 0..1, how much that is a drawn outline


def find(lips: Lips, crop: MouthCrop) -> Teeth:
    """What is to be seen between `lips`."""
    x = lips.columns[None]
    y = np.arange(lips.upper_outer.min(), lips.lower_outer.max(), 1 / DENSITY, dtype=np.float32)
    y = y[:, None]
    rgb, lab = crop.sample(crop.rgb, x, y), crop.sample(crop.lab, x, y)
    across = np.abs(lips.across) < 1
    on_lips = across & (
        ((y > lips.upper_outer + 1) & (y < lips.upper_inner - 1))
        | ((y > lips.lower_inner + 1) & (y < lips.lower_outer - 1))
    )
    within = across & (y > lips.upper_inner + 0.5) & (y < lips.lower_inner - 0.5)
    if on_lips.sum() < LEAST_LIPS or not within.any():
        black = np.zeros(3, np.float32)
        return Teeth(lips.lower_inner, 0.0, 0.0, black, black, None, 1.0, 0.0)
    lip, lip_red = np.median(rgb[on_lips], 0), float(np.median(lab[on_lips][:, 1]))
    level = rgb.mean(2)
    colour = crop.colourfulness
    bright = BRIGHT_IN_GREY + colour * (BRIGHT - BRIGHT_IN_GREY)
    white = within & (level > bright * lip.mean()) & (lab[..., 1] <= lip_red - LESS_RED * colour)
    area = white.sum() / max(within.sum(), 1)
    shown = _ramp(area, AREA) * _ramp(lips.opening, GAP)
    tooth = lip if white.sum() < 8 else _mean_above(rgb[white], level[white], 60)
    dim = within & (level < 0.55 * lip.mean())
    dark = None if dim.sum() < 0.04 * within.sum() else np.median(rgb[dim], 0)
    edge = _edge(lips, level, within, y[:, 0]) if shown > 0 else lips.lower_inner
    below = within & (y > edge + 1)
    lower = _ramp((white & below).sum() / max(below.sum(), 1), LOWER)
    outline = _outline(lips, level, y) / max(float(lip.mean()), 1.0)
    return Teeth(
        edge, lower, float(shown), lip, tooth, dark, outline, 1 - _ramp(outline, OUTLINE[::-1])
    )


def _outline(lips: Lips, level: np.ndarray, y: np.ndarray) -> float:
    """How dark the inner edges of the lips usually are, in levels."""
    across = np.abs(lips.across) < 0.8
    darkest = [
        np.where(np.abs(y - edge) < OUTLINE_REACH, level, 255).min(0)[across]
        for edge in (lips.upper_inner, lips.lower_inner)
    ]
    return float(np.median(np.concatenate(darkest)))


def _edge(lips: Lips, level: np.ndarray, within: np.ndarray, y: np.ndarray) -> Curve:
    """Where the upper teeth end in every column; the lower lip where they reach to it."""
    seen = np.where(within, level, 0)
    bright = BEGIN * _percentiles(seen, within.sum(0), 80)
    begun = np.maximum.accumulate(within & (seen > bright), axis=0)
    brightest = np.maximum.accumulate(np.where(begun, seen, 0), axis=0)
    dark = begun & within & (seen < END * brightest)
    columns = np.flatnonzero(dark.any(0) & (within.sum(0) >= 3))
    found = lips.lower_inner.copy()
    found[columns] = y[dark[:, columns].argmax(0)] + 0.3
    across = lips.across
    middle = np.flatnonzero((np.abs(across) < 0.75) & (lips.gap > 1))
    ends = middle[(lips.lower_inner - found)[middle] > 1.2]
    if len(ends) <= SHOWN * len(middle) or len(ends) < 6:
        return lips.lower_inner.copy()
    arc = _parabola(across[ends], found[ends])
    edge = np.clip(np.polyval(arc, across), lips.upper_inner, lips.lower_inner)
    return np.asarray(gaussian_filter1d(edge, 1.5), np.float32)


def _parabola(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A parabola through most of the points, those far off being left out."""
    kept = np.ones(len(x), bool)
    for _ in range(6):
        arc = np.polyfit(x[kept], y[kept], 2)
        off = np.abs(np.polyval(arc, x) - y)
        kept = off <= max(1.0, np.percentile(off, 65))
    return arc


def _percentiles(values: np.ndarray, counts: np.ndarray, percent: float) -> np.ndarray:
    """A percentile of the `counts` (n,) largest values of each column of `values` (m, n)."""
    ordered = np.sort(values, axis=0)[::-1]
    at = (1 - percent / 100) * (counts - 1).clip(0)
    above, columns = at.astype(int), np.arange(values.shape[1])
    high, low = ordered[above, columns], ordered[np.minimum(above + 1, len(values) - 1), columns]
    return np.asarray(high + (at - above) * (low - high))


def _mean_above(rgb: np.ndarray, level: np.ndarray, percentile: float) -> np.ndarray:
    return np.asarray(rgb[level >= np.percentile(level, percentile)].mean(0))


def _ramp(value: float, ends: tuple[float, float]) -> float:
    """0 below the first of `ends`, 1 above the second, smooth between."""
    x = float(np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1))
    return x * x * (3 - 2 * x)
