"""ICC profiles of displays, built from their primaries, and what their colours are in sRGB."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

# CIE xy of the primaries; all with D65.
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_D65, _D50 = np.array((0.95047, 1, 1.08883)), np.array((0.9642, 1, 0.8249))
_BRADFORD = np.array(
    ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
)
# The curve of sRGB as the parameters of ICC.1, 10.18, function 3.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@dataclass(frozen=True)
class Display:
    """A kind of display: its primaries, and the exponent of its curve, None for that of sRGB."""

    name: str
    primaries: tuple[tuple[float, float], ...]
    gamma: float | None = None

    def profile(self) -> bytes:
        """A display profile (ICC.1, 8.3)."""
        cone = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ _D65))
        colorants = (np.linalg.inv(_BRADFORD) @ cone @ _BRADFORD @ to_xyz(self.primaries)).T
        curve = _SRGB_CURVE if self.gamma is None else (self.gamma,)
        kind = b"para\0\0\0\0\0\3\0\0" if self.gamma is None else b"para\0\0\0\0\0\0\0\0"
        text = struct.pack(">4sI2I2sHII", b"mluc", 0, 1, 12, b"en", 0x5553, 4, 28)
        text += "P3".encode("utf-16-be")
        parts = {
            f"{name}XYZ": b"XYZ \0\0\0\0" + _fixed(row)
            for name, row in zip("rgb", colorants, strict=True)
        }
        parts |= {f"{name}TRC": kind + _fixed(np.array(curve)) for name in "rgb"}
        parts |= {"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50), "desc": text, "cprt": text}
        return _profile(parts)

    def in_srgb(self, levels: np.ndarray) -> np.ndarray:
        """Levels (..., 3) 0..255 of this display as levels of sRGB, float64, clipped."""
        values = levels / 255
        light = _decoded(values) if self.gamma is None else values**self.gamma
        matrix = np.linalg.solve(to_xyz(SRGB), to_xyz(self.primaries))
        return _encoded(light @ matrix.T)


P3 = Display("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)))  # SMPTE EG 432-1
ADOBE = Display("Adobe RGB", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), 563 / 256)
BT2020 = Display("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), 2.4)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """The matrix of linear RGB to XYZ of D65."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    return columns * np.linalg.solve(columns, _D65)


def _fixed(values: np.ndarray) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values.tolist()))


def _profile(parts: dict[str, bytes]) -> bytes:
    table, data, place = b"", b"", 132 + 12 * len(parts)
    for name, part in parts.items():
        part += bytes(-len(part) % 4)
        table += name.encode() + struct.pack(">II", place + len(data), len(part))
        data += part
    head = struct.pack(
        ">I4s4s4s4s4s12s4s20s4s12s52s", place + len(data), b"", b"\4\x20\0\0", b"mntr", b"RGB ",
        b"XYZ ", struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp", b"", b"", b"", b"",
    )  # fmt: skip
    head = head[:68] + _fixed(_D50) + head[80:]
    return head + struct.pack(">I", len(parts)) + table + data


def _decoded(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
