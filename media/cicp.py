"""Colours of a picture that code points describe (CICP, ITU-T H.273), in place of an ICC profile.

HEIC and AVIF have them in the `nclx` of their primary item (ISO/IEC 14496-12, 12.1.5), PNG in its
chunk `cICP`. Photographs and screenshots of high dynamic range come so.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

_PQ, _HLG = 16, 18
_BT2020, _P3 = 9, 12
# To linear BT.709 from Display P3 (SMPTE EG 432-1).
_P3_TO_BT709 = np.array(
    [[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]]
)
_GRID = 65  # levels of each channel that are computed; between them it is interpolated
_LARGEST_META = 4 * 1024**2  # bytes


class CodePoints(NamedTuple):
    """The primaries and the transfer function of a picture, as H.273 counts them."""

    primaries: int
    transfer: int

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (_PQ, _HLG)


def code_points(path: Path, format: str) -> CodePoints | None:
    """Those of a file of Pillow's `format`; None where it has none, or they are those of sRGB."""
    read = {"PNG": _of_png, "HEIF": _of_heif, "AVIF": _of_heif}.get(format)
    if read is None:
        return None
    with path.open("rb") as file:
        found = read(file)
    if found is None or not (found.is_hdr or found.primaries in (_BT2020, _P3)):
        return None
    return found


def converted(image: Image.Image, points: CodePoints) -> Image.Image:
    """An RGB or RGBA `image` of these code points as one of sRGB; HDR is tone-mapped."""
    return image.filter(_table(points))


@lru_cache(maxsize=4)
def _table(points: CodePoints) -> ImageFilter.Color3DLUT:
    steps = np.linspace(0, 1, _GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = np.stack([red, green, blue], axis=-1)
    return ImageFilter.Color3DLUT(_GRID, _in_srgb(colours, points).astype(np.float32).ravel())


def _in_srgb(colours: np.ndarray, points: CodePoints) -> np.ndarray:
    """R'G'B' (..., 3) 0..1 of these code points as R'G'B' of sRGB, 0..1."""
    from media.hdr import BT2020_TO_BT709, to_bt709

    matrix = {_BT2020: BT2020_TO_BT709, _P3: _P3_TO_BT709}.get(points.primaries, np.eye(3))
    if points.is_hdr:
        return to_bt709(colours, "pq" if points.transfer == _PQ else "hlg", matrix)
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    light = (light @ matrix.T).clip(0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _of_png(file: BinaryIO) -> CodePoints | None:
    file.seek(8)
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"cICP" and size == 4:
            primaries, transfer, _, _ = file.read(4)
            return CodePoints(primaries, transfer)
        file.seek(size + 4, 1)
    return None


def _of_heif(file: BinaryIO) -> CodePoints | None:
    meta = _meta(file)[4:]
    boxes = dict(_boxes(meta))
    properties = dict(_boxes(boxes.get(b"iprp", b"")))
    listed = list(_boxes(properties.get(b"ipco", b"")))
    for number in _of_item(properties.get(b"ipma", b""), _primary(boxes.get(b"pitm", b""))):
        kind, content = listed[number - 1] if 0 < number <= len(listed) else (b"", b"")
        if kind == b"colr" and content[:4] == b"nclx" and len(content) >= 8:
            return CodePoints(*(int.from_bytes(content[at : at + 2], "big") for at in (4, 6)))
    return None


def _meta(file: BinaryIO) -> bytes:
    """The content of the file's box `meta`, nothing where it has none."""
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"meta" and 8 <= size <= _LARGEST_META:
            return file.read(size - 8)
        if size < 8:  # to the end of the file, or beyond what pictures have
            return b""
        file.seek(size - 8, 1)
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in the content of another: their types and contents."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _primary(pitm: bytes) -> int:
    """The number of the primary item (ISO/IEC 14496-12, 8.11.4)."""
    return int.from_bytes(pitm[4:6] if pitm[:1] == b"\0" else pitm[4:8], "big")


def _of_item(ipma: bytes, item: int) -> list[int]:
    """The numbers of an item's properties (ISO/IEC 23008-12, 9.3)."""
    number_size, wide = (2 if ipma[:1] == b"\0" else 4), ipma[3:4] == b"\1"
    size, mask, at = 1 + wide, 0x7FFF if wide else 0x7F, 8
    for _ in range(int.from_bytes(ipma[4:8], "big")):
        number = int.from_bytes(ipma[at : at + number_size], "big")
        count = int.from_bytes(ipma[at + number_size : at + number_size + 1], "big")
        begin = at + number_size + 1
        at = begin + size * count
        if at > len(ipma):
            break
        if number == item:
            parts = [ipma[place : place + size] for place in range(begin, at, size)]
            return [int.from_bytes(part, "big") & mask for part in parts]
    return []
