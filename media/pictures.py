"""Reading and writing pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from media.atomic import replacing
from media.errors import MediaError, unreadable

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_WRITTEN = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
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
    """Write an RGB frame, in `written_format` (`quality` of JPEG, WebP)."""
    path = Path(path)
    format = written_format(path)
    with replacing(path) as unfinished:
        Image.fromarray(frame).save(unfinished, format=format, quality=quality)


def written_format(path: Path) -> str:
    """Pillow's name of the format that a name ends in. Raises MediaError: unsupported-type."""
    if path.suffix.lower() not in _WRITTEN:
        raise MediaError(
            "unsupported-type",
            f"No picture can be written to {path.name}.",
            f"End its name in one of {', '.join(_WRITTEN)}.",
        )
    return _WRITTEN[path.suffix.lower()]


def to_rgb(image: Image.Image) -> np.ndarray:
    """Any mode of Pillow's as RGB uint8 on white."""
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture)
    return np.array(image.convert("RGB"))
