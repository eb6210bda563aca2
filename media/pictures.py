"""Reading and writing pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from media.atomic import replacing
from media.cicp import CodePoints, code_points, converted
from media.errors import MediaError, unreadable
from media.icc_profile import to_srgb
from media.media_info import working_size

pillow_heif.register_heif_opener(thumbnails=False)
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF")
_WRITTEN = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
_WHITE = (255, 255, 255, 255)


def picture_too_large() -> MediaError:
    return MediaError(
        "too-large",
        "This picture has too many pixels.",
        "Make it smaller than 65 megapixels and no side longer than 16384 pixels.",
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
    """The picture as RGB uint8 (height, width, 3), upright, transparent parts white, of sRGB.

    It has the `working_size` of the file's. Of a moving picture it is the first frame.
    Raises MediaError: unreadable-media, too-large.
    """
    with open_picture(path) as image:
        size, points = working_size(*image.size), code_points(Path(path), image.format or "")
        if size != image.size:
            image.draft(None, size)  # a JPEG is decoded at half its size, or less
        return to_rgb(ImageOps.exif_transpose(resized(image, size)), points)


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


def to_rgb(image: Image.Image, points: CodePoints | None = None) -> np.ndarray:
    """Any mode of Pillow's as RGB uint8 (height, width, 3) of sRGB, on white.

    `points` say what its colours are, unless an ICC profile does.
    """
    image = _plain(image)
    if points and (points.is_hdr or "icc_profile" not in image.info):
        image = converted(image.convert("RGBA" if image.has_transparency_data else "RGB"), points)
    else:
        image = to_srgb(image)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture)
    return np.array(image.convert("RGB"))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`image` at a `size` (width, height) that is its own or smaller."""
    if image.size == size:
        return image
    # In two steps, the first a mean of whole blocks: half the time, and no difference to be seen.
    return _plain(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _plain(image: Image.Image) -> Image.Image:
    """With levels of eight bits that can be averaged: L, RGB, RGBA, CMYK and the like."""
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion would clip at 255 instead of scaling.
        info = image.info
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
        image.info = info
    if image.mode != "LA" and image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("P", "1") else image
