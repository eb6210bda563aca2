"""Colours mean what their ICC profile says: right values come from the primaries themselves."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from media.pictures import read_picture

# CIE xy of the primaries of Display P3 (SMPTE EG 432-1) and of sRGB; both with D65.
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
D65, D50 = np.array((0.95047, 1, 1.08883)), np.array((0.9642, 1, 0.8249))
BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The matrix of linear RGB to XYZ of D65."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    return columns * np.linalg.solve(columns, D65)


def p3_profile() -> bytes:
    """A display profile (ICC.1, 8.3) with the curve of sRGB."""
    cone = np.diag((BRADFORD @ D50) / (BRADFORD @ D65))
    colorants = (np.linalg.inv(BRADFORD) @ cone @ BRADFORD @ to_xyz(P3)).T

    def fixed(values: np.ndarray) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    curve = np.array((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    tags = {name: b"XYZ \0\0\0\0" + fixed(row) for name, row in zip("rgb", colorants, strict=True)}
    parts = {f"{name}XYZ": data for name, data in tags.items()}
    parts |= {f"{name}TRC": b"para\0\0\0\0\0\3\0\0" + fixed(curve) for name in "rgb"}
    text = struct.pack(">4sI2I2sHII", b"mluc", 0, 1, 12, b"en", 0x5553, 4, 28) + "P3".encode(
        "utf-16-be"
    )
    parts |= {"wtpt": b"XYZ \0\0\0\0" + fixed(D50), "desc": text, "cprt": text}
    table, data, place = b"", b"", 132 + 12 * len(parts)
    for name, part in parts.items():
        part += bytes(-len(part) % 4)
        table += name.encode() + struct.pack(">II", place + len(data), len(part))
        data += part
    head = struct.pack(
        ">I4s4s4s4s4s12s4s20s4s12s52s", place + len(data), b"", b"\4\x20\0\0", b"mntr", b"RGB ",
        b"XYZ ", struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp", b"", b"", b"", b"",
    )  # fmt: skip
    head = head[:68] + fixed(D50) + head[80:]
    return head + struct.pack(">I", len(parts)) + table + data


def decoded(levels: np.ndarray) -> np.ndarray:
    values = levels / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: np.ndarray) -> np.ndarray:
    values = values.clip(0, 1)
    return 255 * np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(60, 200, (16, 16, 3), np.uint8)


def test_display_p3_becomes_srgb(colours, tmp_path):
    Image.fromarray(colours).save(tmp_path / "wide.png", icc_profile=p3_profile())
    matrix = np.linalg.solve(to_xyz(SRGB), to_xyz(P3))
    right = encoded(decoded(colours) @ matrix.T)
    assert np.abs(right - colours).max() > 10
    assert np.abs(read_picture(tmp_path / "wide.png") - right).max() < 1.6


def test_what_is_transparent_stays_so(colours, tmp_path):
    wide = Image.fromarray(colours)
    opaque, glass = tmp_path / "opaque.png", tmp_path / "glass.png"
    wide.save(opaque, icc_profile=p3_profile())
    wide.putalpha(Image.fromarray(np.full((16, 16), 102, np.uint8)))
    wide.save(glass, icc_profile=p3_profile())
    right = 0.4 * read_picture(opaque) + 0.6 * 255
    assert np.abs(read_picture(glass) - right).max() <= 1


@pytest.mark.parametrize(
    "profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"]
)
def test_srgb_and_what_is_no_profile_leave_every_level(profile, colours, tmp_path):
    Image.fromarray(colours).save(tmp_path / "plain.png", icc_profile=profile)
    assert np.array_equal(read_picture(tmp_path / "plain.png"), colours)


def test_a_profile_of_other_pixels_is_ignored(colours, tmp_path):
    grey = Image.fromarray(colours[..., 0])
    grey.save(tmp_path / "grey.png", icc_profile=p3_profile())
    assert np.array_equal(read_picture(tmp_path / "grey.png")[..., 0], colours[..., 0])
