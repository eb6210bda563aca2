"""Reading and writing pictures, and the moving ones that are made of pictures (GIF, WebP)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from media.atomic import replacing
from media.errors import MediaError, unreadable

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# Browsers show shorter frames of a GIF for a tenth of a second; files are made to look right there.
_SHORTEST = 0.02
_INSTEAD_OF_SHORTER = Fraction(1, 10)
_EVEN = Fraction(1, 4)
_WHITE = (255, 255, 255, 255)


def picture_too_large() -> MediaError:
    return MediaError(
        "too-large",
        "This picture has too many pixels.",
        "Make it smaller than 50 megapixels and no side longer than 16384 pixels.",
    )


@contextmanager
def open_picture(path: str | Path) -> Iterator[Image.Image]:
    """Open without decoding. Raises MediaError: unreadable-media, too-large."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on and raises from 179; both mean the same here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise picture_too_large() from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise unreadable("This picture") from error


def read_picture(path: str | Path) -> np.ndarray:
    """The picture as RGB uint8 (height, width, 3), upright, transparent parts white.

    Of a moving picture it is the first frame. Raises MediaError: unreadable-media, too-large.
    """
    with open_picture(path) as image:
        return to_rgb(ImageOps.exif_transpose(image))


def write_picture(path: str | Path, frame: np.ndarray, quality: int = 90) -> None:
    """Write an RGB frame; the ending of the name decides the format (`quality` of JPEG, WebP)."""
    path = Path(path)
    format = Image.registered_extensions()[path.suffix.lower()]
    with replacing(path) as unfinished:
        Image.fromarray(frame).save(unfinished, format=format, quality=quality)


def to_rgb(image: Image.Image) -> np.ndarray:
    """Any mode of Pillow's as RGB uint8 on white."""
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture)
    return np.array(image.convert("RGB"))


def animation_times(path: str | Path) -> list[Fraction]:
    """When each picture of a GIF or WebP begins, in seconds, and last when it all ends."""
    times = [Fraction(0)]
    with open_picture(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            seconds = Fraction(image.info.get("duration", 0)) / 1000
            times.append(times[-1] + (seconds if seconds >= _SHORTEST else _INSTEAD_OF_SHORTER))
    return times


def animation_rate(times: list[Fraction]) -> Fraction:
    """The rate of an even pace; else the lowest that keeps every time, at most 50 a second.

    A GIF counts in hundredths of a second: 15 a second is written as steps of 6 and 7.
    """
    count = len(times) - 1
    even = (count / times[-1]).limit_denominator(1001)
    if even <= 120 and all(abs(time * even - n) <= _EVEN for n, time in enumerate(times)):
        return even
    steps = [after - before for before, after in pairwise(times)]
    denominator = lcm(*(step.denominator for step in steps))
    ticks = gcd(*(int(step * denominator) for step in steps))
    return min(Fraction(denominator, ticks), Fraction(50))


def read_animation(path: str | Path) -> Iterator[tuple[Fraction, np.ndarray]]:
    """The pictures of a GIF or WebP: when each begins, and its RGB frame."""
    times = animation_times(path)
    with open_picture(path) as image:
        for number, time in enumerate(times[:-1]):
            image.seek(number)
            yield time, to_rgb(image)
