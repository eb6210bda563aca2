"""Colours mean what their code points say: right values come from the standards' formulas."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import icc
from media.cicp import CodePoints, code_points
from media.hdr import to_bt709
from media.pictures import read_picture
from media.probe import probe

COLOURS = np.array(
    [[(30, 30, 30), (90, 90, 90), (148, 148, 148)], [(120, 80, 60), (60, 110, 70), (160, 140, 120)]]
)
PQ, HLG, SRGB = 16, 18, 13
BT709, BT2020, P3 = 1, 9, 12


def chart() -> Image.Image:
    return Image.fromarray(COLOURS.astype(np.uint8).repeat(32, 0).repeat(32, 1))


def middles(picture: np.ndarray) -> np.ndarray:
    return picture[16::32, 16::32].astype(float)


def write(path: Path, format: str, primaries: int, transfer: int, **options: object) -> Path:
    """A picture whose levels are as they were, under other code points."""
    file = io.BytesIO()
    chart().save(file, format, **options)
    data = file.getvalue()
    if format == "PNG":
        content = b"cICP" + bytes((primaries, transfer, 0, 1))
        chunk = struct.pack(">I", 4) + content + struct.pack(">I", zlib.crc32(content))
        path.write_bytes(data[:33] + chunk + data[33:])
    else:
        place = data.index(b"nclx") + 4
        path.write_bytes(data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :])
    return path


@pytest.mark.parametrize("format", ["PNG", "HEIF", "AVIF"])
@pytest.mark.parametrize(("transfer", "signal"), [(PQ, "pq"), (HLG, "hlg")])
def test_a_picture_of_high_dynamic_range_is_tone_mapped(format, transfer, signal, tmp_path):
    options = {"quality": 98} if format != "PNG" else {}
    path = write(tmp_path / "bright", format, BT2020, transfer, **options)
    assert probe(path).notes == ("hdr",)
    right = 255 * to_bt709(COLOURS / 255, signal)
    assert np.abs(right - COLOURS).max() > 40
    assert np.abs(middles(read_picture(path)) - right).max() < (3 if format == "PNG" else 9)


def test_display_p3_becomes_srgb(tmp_path):
    path = write(tmp_path / "wide", "PNG", P3, SRGB)
    assert probe(path).notes == ()
    right = icc.P3.in_srgb(COLOURS)
    assert np.abs(right - COLOURS).max() > 5
    assert np.abs(middles(read_picture(path)) - right).max() < 1.6


@pytest.mark.parametrize(("primaries", "transfer"), [(BT709, SRGB), (2, 2), (BT709, 1)])
def test_other_code_points_leave_every_level(primaries, transfer, tmp_path):
    path = write(tmp_path / "plain", "PNG", primaries, transfer)
    assert np.array_equal(middles(read_picture(path)), COLOURS)


def test_an_icc_profile_comes_first_but_for_a_high_dynamic_range(tmp_path):
    profile = icc.ADOBE.profile()
    path = write(tmp_path / "both", "PNG", P3, SRGB, icc_profile=profile)
    assert np.abs(middles(read_picture(path)) - icc.ADOBE.in_srgb(COLOURS)).max() < 1.6
    path = write(tmp_path / "bright", "PNG", BT2020, PQ, icc_profile=profile)
    assert np.abs(middles(read_picture(path)) - 255 * to_bt709(COLOURS / 255, "pq")).max() < 3


def test_alpha_stays_alpha(tmp_path):
    file = io.BytesIO()
    glass = chart()
    glass.putalpha(102)
    glass.save(file, "PNG")
    data, content = file.getvalue(), b"cICP" + bytes((P3, SRGB, 0, 1))
    chunk = struct.pack(">I", 4) + content + struct.pack(">I", zlib.crc32(content))
    (tmp_path / "glass").write_bytes(data[:33] + chunk + data[33:])
    right = 0.4 * icc.P3.in_srgb(COLOURS) + 0.6 * 255
    assert np.abs(middles(read_picture(tmp_path / "glass")) - right).max() < 1.6


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


@pytest.mark.parametrize("version", [0, 1])
def test_of_several_items_the_primary_one_counts(version, tmp_path):
    """A file may hold a gain map or a version of high dynamic range beside what is shown."""
    number = ">I" if version else ">H"
    colours = (b"nclx" + struct.pack(">HHHB", *each, 0, 128) for each in ((9, 16), (12, 13)))
    properties = box(b"ipco", *(box(b"colr", each) for each in colours))
    items = b"".join(
        struct.pack(number, item) + bytes((1, place)) for item, place in ((7, 1), (8, 2))
    )
    pairs = box(b"ipma", bytes((version, 0, 0, 0)), struct.pack(">I", 2), items)
    primary = box(b"pitm", bytes((version, 0, 0, 0)), struct.pack(number, 8))
    data = box(b"ftyp", b"mif1heic") + box(
        b"meta", bytes(4), primary, box(b"iprp", properties, pairs)
    )
    path = tmp_path / "two.heic"
    path.write_bytes(data)
    assert code_points(path, "HEIF") == CodePoints(12, 13)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert code_points(path, "HEIF") in (None, CodePoints(12, 13))
