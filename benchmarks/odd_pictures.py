"""Odd pictures: formats, modes, depths, profiles, orientations, sizes, animation, damage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks import icc
from benchmarks.odd_charts import chart, odd_path, require_alike
from benchmarks.odd_kind import Kind, OddInput, check_refused, require, require_refusal
from media.errors import MediaError
from media.media_info import MOUTH_RATE, SLOWEST_RATE, working_size
from media.pictures import read_picture
from media.probe import probe
from media.video import read_frames

# What a camera stores for each orientation tag: the inverse of what a viewer must do.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda picture: picture,
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: np.rot90(picture, 1),
    7: lambda picture: picture[::-1, ::-1].swapaxes(0, 1),
    8: lambda picture: np.rot90(picture, -1),
}
_ORIENTATION = 0x0112
# Format, the ending of its names, whether it keeps every level, and its options.
_FORMATS: tuple[tuple[str, str, bool, dict[str, Any]], ...] = (
    ("PNG", "png", True, {}),
    ("PNG", "png", True, {"compress_level": 0}),
    ("WEBP", "webp", True, {"lossless": True, "exact": True}),
    ("WEBP", "webp", False, {"quality": 90}),
    ("JPEG", "jpg", False, {"quality": 95, "subsampling": 0}),
    ("JPEG", "jpeg", False, {"quality": 90, "progressive": True, "optimize": True}),
    ("HEIF", "heic", False, {"quality": 90}),
    ("HEIF", "heif", False, {"quality": 95, "chroma": 444}),
    ("AVIF", "avif", False, {"quality": 90, "speed": 9}),
    ("AVIF", "avif", False, {"quality": 95, "speed": 9, "subsampling": "4:4:4"}),
)
_LOSSY, _CONVERTED, _EXACT = 8.0, 2.5, 1.0  # levels that a colour may be off


@dataclass(frozen=True)
class Shown:
    """What a viewer shows: uint8 (height, width, 3), and by how many levels it may differ."""

    picture: np.ndarray
    most: float
    exact: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moving:
    """Pictures of an animation, and when each begins, in milliseconds, and at last its end."""

    pictures: list[np.ndarray]
    times: list[int]
    most: float


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Width and height: usual ones, narrow ones, and a few of some megapixels."""
    if rng.random() < 0.1:
        return int(rng.integers(1, 4)), int(rng.integers(1, 400))
    most = 2000 if rng.random() < 0.05 else 260
    return int(rng.integers(1, most)), int(rng.integers(1, most))


def _formatted(rng: np.random.Generator, folder: Path) -> OddInput[Shown]:
    """A format with an orientation, perhaps with a profile and an alpha channel."""
    format, ending, lossless, options = _FORMATS[int(rng.integers(len(_FORMATS)))]
    picture = shown = chart(rng, *_size(rng))
    said = f"{format} {options} {picture.shape[1]}x{picture.shape[0]}"
    tolerance = _EXACT if lossless else _LOSSY
    more: dict[str, Any] = {}
    if rng.random() < 0.3:
        display = (icc.P3, icc.ADOBE, icc.BT2020)[int(rng.integers(3))]
        picture = shown = (60 + (picture.astype(int) - 30) * 140 // 195).astype(np.uint8)
        shown, more["icc_profile"] = display.in_srgb(picture), display.profile()
        tolerance, said = (_CONVERTED if lossless else 1.6 * _LOSSY), f"{said}, {display.name}"
    orientation = int(rng.integers(1, 9))
    if orientation > 1:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        more["exif"] = exif.tobytes()
    if format not in ("JPEG",) and rng.random() < 0.3:
        alpha = chart(rng, picture.shape[1], picture.shape[0])[..., :1]
        alpha = np.where(alpha > 150, 255, np.where(alpha < 60, 0, alpha))
        shown = (shown * alpha.astype(float) + 255 * (255.0 - alpha)) / 255
        picture, said = np.concatenate((picture, alpha.astype(np.uint8)), 2), f"{said}, alpha"
    path = odd_path(rng, folder, ending)
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](picture)))
    stored.save(path, format=format, **options, **more)
    truth = Shown(np.rint(shown).astype(np.uint8), tolerance, lossless)
    return OddInput(path, f"{said}, orientation {orientation}", truth)


def _of_a_mode(rng: np.random.Generator, folder: Path) -> OddInput[Shown]:
    """Grey, black and white, palettes with and without holes, CMYK, and 16 bits a channel."""
    mode = str(rng.choice(("1", "L", "LA", "P", "P with a hole", "CMYK", "I;16", "RGB;16")))
    picture = chart(rng, *_size(rng))
    path = odd_path(rng, folder, "jpg" if mode == "CMYK" else "png")
    shown = {
        "1": _black_and_white,
        "L": _grey,
        "LA": _grey_with_alpha,
        "P": _palette,
        "P with a hole": _palette_with_a_hole,
        "CMYK": _cmyk,
        "I;16": _deep_grey,
        "RGB;16": _deep,
    }[mode](picture, path)
    lossless = mode != "CMYK"
    truth = Shown(shown, _EXACT if lossless else _LOSSY, lossless)
    return OddInput(path, f"{mode} {picture.shape[1]}x{picture.shape[0]}", truth)


def _three(grey: np.ndarray) -> np.ndarray:
    return grey[..., None].repeat(3, 2)


def _black_and_white(picture: np.ndarray, path: Path) -> np.ndarray:
    white = picture[..., 0] > 127
    Image.fromarray(white).save(path, format="PNG")
    return _three(white.astype(np.uint8) * 255)


def _grey(picture: np.ndarray, path: Path) -> np.ndarray:
    Image.fromarray(picture[..., 0]).save(path, format="PNG")
    return _three(picture[..., 0])


def _grey_with_alpha(picture: np.ndarray, path: Path) -> np.ndarray:
    Image.fromarray(picture[..., :2]).save(path, format="PNG")
    return _three(_on_white(picture[..., 0], picture[..., 1]))


def _palette(picture: np.ndarray, path: Path) -> np.ndarray:
    _indexed(picture).save(path, format="PNG")
    return picture


def _palette_with_a_hole(picture: np.ndarray, path: Path) -> np.ndarray:
    image = _indexed(picture)
    image.save(path, format="PNG", transparency=0)
    return np.where(np.asarray(image)[..., None] == 0, 255, picture).astype(np.uint8)


def _cmyk(picture: np.ndarray, path: Path) -> np.ndarray:
    black = 255 - picture.max(2, keepdims=True)
    ink = 255 - np.rint(picture * 255.0 / np.maximum(255 - black, 1)).clip(0, 255)
    levels = np.concatenate((ink, black), 2).astype(np.uint8)
    Image.fromarray(levels, "CMYK").save(path, format="JPEG", quality=95, subsampling=0)
    return picture


def _deep_grey(picture: np.ndarray, path: Path) -> np.ndarray:
    Image.fromarray(picture[..., 0].astype(np.uint16) * 257).save(path, format="PNG")
    return _three(picture[..., 0])


def _deep(picture: np.ndarray, path: Path) -> np.ndarray:
    deep = picture[..., ::-1].astype(np.uint16) * 257
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(deep))[1].tobytes())
    return picture


def _on_white(levels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    shown = (levels * alpha.astype(float) + 255 * (255.0 - alpha)) / 255
    return np.rint(shown).astype(np.uint8)


def _indexed(picture: np.ndarray) -> Image.Image:
    colours, places = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)
    image = Image.fromarray(places.reshape(picture.shape[:2]).astype(np.uint8), "P")
    image.putpalette(colours.ravel().tolist())
    return image


def _large(rng: np.random.Generator, folder: Path) -> OddInput[Shown | str]:
    """Beyond what players show, up to 50 megapixels; and beyond what is taken."""
    longest = 10 ** rng.uniform(3.95, 4.25)
    width, height = int(longest), int(10 ** rng.uniform(0, 3.9))
    if rng.random() < 0.5:
        width, height = height, width
    format, ending = (("PNG", "png"), ("JPEG", "jpg"))[int(rng.integers(2))]
    picture = chart(rng, width, height)
    path = odd_path(rng, folder, ending)
    options = {"compress_level": 1} if format == "PNG" else {"quality": 90}
    Image.fromarray(picture).save(path, format=format, **options)
    said = f"{format} {width}x{height}"
    if width * height > 65_000_000 or max(width, height) > 16_384:
        return OddInput(path, said, "too-large")
    size = working_size(width, height)
    smaller = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)
    notes = ("reduced",) if size != (width, height) else ()
    return OddInput(path, said, Shown(smaller, _LOSSY, False, notes))


def _damaged(rng: np.random.Generator, folder: Path) -> OddInput[Shown]:
    """Cut short, or with something after its end; what can be read must be the picture."""
    format, ending, lossless, options = _FORMATS[int(rng.integers(len(_FORMATS)))]
    picture = chart(rng, int(rng.integers(60, 200)), int(rng.integers(60, 200)))
    path = odd_path(rng, folder, ending)
    Image.fromarray(picture).save(path, format=format, **options)
    content, tail = path.read_bytes(), rng.random() < 0.4
    part = 1.0 if tail else rng.uniform(0, 1)
    content = content + rng.bytes(3000) if tail else content[: int(part * len(content))]
    path.write_bytes(content)
    truth = Shown(picture, _EXACT if lossless else _LOSSY, lossless)
    return OddInput(path, f"{format}, {part:.2f} of it{' and more' * tail}", truth)


def _animated(rng: np.random.Generator, folder: Path) -> OddInput[Moving]:
    """GIF and WebP with frames of their own lengths."""
    format = str(rng.choice(("GIF", "WEBP")))
    width, height = int(rng.integers(2, 120)), int(rng.integers(2, 120))
    count = int(rng.integers(2, 12))
    pictures = []
    for _ in range(count):
        colours = chart(rng, width, height)
        pictures.append(colours if not pictures or (colours != pictures[-1]).any() else ~colours)
    steps = (20, 40, 50, 100, 200) if rng.random() < 0.5 else (int(rng.integers(2, 30)) * 10,)
    lengths = [int(rng.choice(steps)) for _ in range(count)]
    path = odd_path(rng, folder, format.lower())
    images = [_indexed(each) if format == "GIF" else Image.fromarray(each) for each in pictures]
    options: dict[str, Any] = {"disposal": 2} if format == "GIF" else {"lossless": True}
    images[0].save(
        path,
        format=format,
        save_all=True,
        append_images=images[1:],
        duration=lengths,
        loop=0,
        **options,
    )
    times = [0, *np.cumsum(lengths).tolist()]
    said = f"{format} {width}x{height}, {lengths} ms"
    return OddInput(path, said, Moving(pictures, times, _EXACT))


def _other(rng: np.random.Generator, folder: Path) -> OddInput[str]:
    """Pictures that are not taken, and what is no picture at all."""
    ending = str(rng.choice(("tiff", "bmp", "svg", "txt", "empty", "ppm")))
    path = odd_path(rng, folder, ending)
    image = Image.fromarray(chart(rng, 40, 30))
    if ending in ("tiff", "bmp"):
        image.save(path, format=ending)
        return OddInput(path, ending, "unsupported-type")
    if ending == "svg":
        path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
        return OddInput(path, ending, "unsupported-type")
    if ending == "ppm":
        image.save(path, format="PPM")
        return OddInput(path, ending, "unsupported-type")
    path.write_bytes(b"" if ending == "empty" else b"A letter, and no picture at all.\n")
    return OddInput(path, ending, "unreadable-media")


def _check_shown(made: OddInput[Shown]) -> None:
    info, right = probe(made.path), made.truth
    height, width = right.picture.shape[:2]
    require((info.kind, info.width, info.height) == ("image", width, height), f"taken for {info}")
    require(info.notes == right.notes, f"noted {info.notes}, not {right.notes}")
    require_alike(read_picture(made.path), right.picture, right.most, right.exact)


def _check_large(made: OddInput[Shown | str]) -> None:
    if isinstance(made.truth, str):
        require_refusal(lambda: probe(made.path), made.truth)
        return
    _check_shown(OddInput(made.path, made.description, made.truth))


def _check_damaged(made: OddInput[Shown]) -> None:
    try:
        probe(made.path)
    except MediaError as error:
        require(error.code == "unreadable-media", f"refused as {error.code}")
        require("and more" not in made.description, "refused, and it is whole")
        return
    _check_shown(made)


def _check_animated(made: OddInput[Moving]) -> None:
    """At each tick of the rate that `probe` tells, the picture that browsers show then."""
    info, right = probe(made.path), made.truth
    height, width = right.pictures[0].shape[:2]
    require((info.kind, info.width, info.height) == ("video", width, height), f"taken for {info}")
    end = Fraction(right.times[-1], 1000)
    require(info.duration == end, f"lasts {info.duration} s, not {end} s")
    fps, frames = info.fps or Fraction(1), list(read_frames(made.path))
    require(fps >= SLOWEST_RATE, f"{fps} frames a second")
    require(("held" in info.notes) == (fps == MOUTH_RATE and "held" in info.notes), "held?")
    require(len(frames) == info.frames, f"{len(frames)} frames, not {info.frames}")
    starts = [round(Fraction(time, 1000) * fps + Fraction(1, 10**6)) for time in right.times[:-1]]
    for tick, frame in enumerate(frames):
        number = sum(start <= tick for start in starts) - 1
        require_alike(frame, right.pictures[max(number, 0)], right.most, exact=True)


KINDS: tuple[Kind[Any], ...] = (
    Kind("picture-format", _formatted, _check_shown),
    Kind("picture-mode", _of_a_mode, _check_shown),
    Kind("picture-large", _large, _check_large),
    Kind("picture-damaged", _damaged, _check_damaged),
    Kind("picture-animated", _animated, _check_animated),
    Kind("picture-refused", _other, check_refused),
)
