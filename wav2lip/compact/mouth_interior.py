"""What is behind the lips where the photograph does not show it: cavity, tongue, lower teeth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wav2lip.compact.lip_contours import Lips, MouthCrop
from wav2lip.compact.teeth import Teeth

# Factors of the colour of the lips, RGB, in a picture that has colours.
CAVITY = np.array([0.42, 0.27, 0.26], np.float32)
TONGUE = np.array([0.80, 0.60, 0.58], np.float32)
# What is left of the light where lips touch.
LINE = np.array([0.75, 0.66, 0.68], np.float32)
# Luma of RGB (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Lower teeth: the fraction of the upper ones' light that falls on them, how wide their arch is and
# how high they are, in half widths of the mouth; how far the upper ones overlap them in a closed
# bite, and how much of the way of the lower lip they go.
LOWER_WIDTH, LOWER_HEIGHT = 0.66, 0.26
LOWER_LIGHT = np.array([0.88, 0.81, 0.76], np.float32)
OVERBITE, JAW_FRACTION = 0.11, 0.75
# The inner side of the lower lip reaches this far up, in face units.
WET = 2.2
# The opening below the upper teeth, in half widths, at which tongue and lower teeth are in sight.
WIDE = 0.28


@dataclass(frozen=True)
class Interior:
    """Colours (3,) of what is inside a mouth, and the texture of its lower teeth.

    `line` (3,) is the fraction of its light that a closed mouth loses where its lips touch.
    """

    cavity: NDArray[np.float32]
    tongue: NDArray[np.float32]
    line: NDArray[np.float32]
    lower_teeth: NDArray[np.float32]  # (rows, columns, 3): edges first, one row a unit


def prepare(lips: Lips, teeth: Teeth, crop: MouthCrop) -> Interior:
    """The interior of the mouth with those lips and teeth."""
    cavity = _tinted(CAVITY, crop) * teeth.lip
    if teeth.dark is not None:
        # A dark corner is darker than a mouth that opens towards the light.
        cavity = 0.5 * cavity + 0.5 * np.maximum(teeth.dark, 0.6 * cavity)
    # Lower teeth are narrower than the upper ones, upside down, and in the shade.
    rows = int(np.ceil(LOWER_HEIGHT * lips.half_width)) + 2
    x = lips.middle + (lips.columns - lips.middle) / LOWER_WIDTH
    edge = np.interp(x, lips.columns, teeth.edge)
    top = np.interp(x, lips.columns, lips.upper_inner)
    inset = 0.9 + np.arange(rows, dtype=np.float32)[:, None]
    texture = crop.sample(crop.rgb, x[None], np.maximum(edge - inset, (edge + 2 * top) / 3))
    # What is no tooth there, as the dark corners, is taken for one in the shade.
    white = teeth.tooth * (0.55 + 0.45 * np.cos(np.clip(lips.across / LOWER_WIDTH, -1, 1)))[:, None]
    texture = np.maximum(texture, 0.75 * white)
    # Lips that are drawn with an outline keep it where they touch.
    line = np.minimum(_tinted(LINE, crop), 1 - teeth.outlined * (1 - teeth.outline))
    return Interior(
        cavity,
        _tinted(TONGUE, crop) * teeth.lip,
        1 - line,
        _tinted(LOWER_LIGHT, crop) * texture,
    )


def _tinted(factors: np.ndarray, crop: MouthCrop) -> NDArray[np.float32]:
    """Factors (3,) of RGB as coloured as the picture is, and as bright."""
    grey = float(LUMA @ factors)
    return np.asarray(grey + crop.colourfulness * (factors - grey), np.float32)


def fill(
    interior: Interior, lips: Lips, upper: np.ndarray, edge: np.ndarray, lower: np.ndarray,
    y: np.ndarray, jaw: float
) -> NDArray[np.float32]:  # fmt: skip
    """RGB float32 (rows, columns, 3) of the interior, as if nothing were before it.

    `upper` and `lower` (columns,) are the lips, `edge` that of the upper teeth; `y` (rows, 1) the
    heights of the rows; `jaw` is how far the jaw has dropped beyond what the photograph shows.
    """
    half = lips.half_width
    begin = np.clip(edge, upper, lower)
    room = lower - begin
    depth = ((y - begin) / np.maximum(room, 0.5)).clip(0, 1)
    wide = _smooth((room / (WIDE * half)).clip(0, 1))
    middle = np.exp(-((lips.across / 0.75) ** 2))
    tongue = (_smooth(((depth - 0.2) / 0.8).clip(0, 1)) * (0.55 + 0.45 * wide) * middle)[..., None]
    # Light falls into a narrow gap from the lips and teeth beside it.
    narrow = 0.65 * (1 - wide)[..., None]
    out = interior.cavity + (tongue + (1 - tongue) * narrow) * (interior.tongue - interior.cavity)
    # The lower lip is round, and its wet inner side is seen before the mouth is.
    wet = 0.85 * np.exp(-(((lower - y).clip(0) / WET) ** 2))[..., None]
    out += wet * (interior.tongue - out)
    # Lower teeth begin behind the upper ones, go down with the jaw, and end behind the lower lip.
    tips = (
        begin
        + JAW_FRACTION * jaw
        - OVERBITE * half
        + 0.10 * half * (lips.across / LOWER_WIDTH) ** 2
    )
    below = y - np.maximum(tips, begin)
    rows = (y - tips).clip(0, len(interior.lower_teeth) - 1.001)
    low = rows.astype(int)
    fraction = (rows - low)[..., None]
    column = np.arange(len(lips.columns))[None]
    texture = interior.lower_teeth
    teeth = texture[low, column] * (1 - fraction) + texture[low + 1, column] * fraction
    gum = ((LOWER_HEIGHT * half - (y - tips)) / 3).clip(0, 1)
    unseen = (1 - (lips.lower_inner - edge - 1.0) / 1.5).clip(0, 1)
    within = ((LOWER_WIDTH - np.abs(lips.across)) / 0.12 + 0.5).clip(0, 1)
    out += (((below + 0.3) / 0.8).clip(0, 1) * gum * unseen * within)[..., None] * (teeth - out)
    # Lips and upper teeth throw a shadow; towards the corners little light comes in.
    shade = 1 - 0.22 * np.exp(-(y - begin).clip(0) / 1.5)
    side = 1 - 0.35 * (np.abs(lips.across).clip(0, 1) ** 3)
    return np.asarray(out * (shade * side)[..., None], np.float32)


def _smooth(x: np.ndarray) -> np.ndarray:
    return x * x * (3 - 2 * x)
