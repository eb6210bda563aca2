"""The badge: a small visible mark that says a picture was made by a machine."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

    from media.planar import Planar

Place = Literal["bottom-right", "bottom-left", "top-right", "top-left", "none"]
PLACES: tuple[Place, ...] = get_args(Place)

TEXT = "AI"
_RELATIVE_HEIGHT = 0.045  # of the picture's shorter side: legible, and out of the way
_SMALLEST = 14  # pixels high; smaller cannot be read
_OVERSAMPLED = 4


def add_badge(frame: Planar, place: Place) -> Planar:
    """A copy of a frame with the badge in a corner; `frame` itself for the place "none".

    A picture too small for the badge is left as it is.
    """
    width, height = frame.size
    tall = max(_SMALLEST, round(min(height, width) * _RELATIVE_HEIGHT))
    colour, alpha = _mark(tall)
    margin = tall // 2
    top = margin if place.startswith("top") else height - margin - tall
    left = margin if place.endswith("left") else width - margin - alpha.shape[1]
    fits = alpha.shape[1] + 2 * margin <= width and tall + 2 * margin <= height
    window = frame.around(left, top, left + alpha.shape[1], top + tall)
    if place == "none" or not fits or window is None:
        return frame
    before = frame.seen(window)
    after = before.copy()
    corner = after[top - window[1] :, left - window[0] :][:tall, : alpha.shape[1]]
    corner[:] = (corner + alpha * (colour - corner)).round()
    return frame.drawn(window, before, after)


@lru_cache(maxsize=8)
def _mark(tall: int) -> tuple[np.ndarray, np.ndarray]:
    """White letters on a dark plate: colour (tall, wide, 3) and alpha (tall, wide, 1) in 0..1."""
    # The options of a job import the places above, and must not wait for these.
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    size = tall * _OVERSAMPLED
    font = ImageFont.load_default(size * 0.72)
    left, top, right, bottom = font.getbbox(TEXT)
    wide = round((right - left) / _OVERSAMPLED + tall * 0.6)
    letters = Image.new("L", (wide * _OVERSAMPLED, size))
    at = ((letters.width - right - left) / 2, (size - bottom - top) / 2)
    ImageDraw.Draw(letters).text(at, TEXT, fill=255, font=font)
    plate = Image.new("L", letters.size)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, letters.width - 1, size - 1), size / 4, 255)
    white, covered = (
        np.asarray(layer.resize((wide, tall), Image.Resampling.BOX), np.float32) / 255
        for layer in (letters, plate)
    )
    colour = np.repeat((24 + 231 * white)[..., None], 3, axis=2)
    return colour, (covered * np.maximum(0.75, white))[..., None]
