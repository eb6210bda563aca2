"""Tone mapping: high dynamic range (HDR) and wide colour to BT.709.

Light is in cd/m2. The way: the signal becomes light (ITU-R BT.2100: PQ of SMPTE ST 2084, or HLG
of ARIB STD-B67), highlights are rolled off (ITU-R BT.2390, annex 5), the BT.2020 primaries become
BT.709's (ITU-R BT.2087), and the light becomes a signal again (ITU-R BT.1886). All of it is one
table from colour to colour, that libavfilter's lut3d applies.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

from media.filters import graph

Signal = Literal["pq", "hlg", "wide"]

# HDR is mastered for 1000 cd/m2 most of the time; white paper is at 203 (ITU-R BT.2408).
PEAK = 1000.0
WHITE = 203.0
_GAMMA = 2.4
_GRID = 33
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593])
BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)


def signal_of(picture: av.VideoFrame) -> Signal | None:
    """How a decoded picture exceeds BT.709: PQ, HLG, or only its colours (SDR in BT.2020)."""
    if picture.color_trc == ColorTrc.SMPTE2084:
        return "pq"
    if picture.color_trc == ColorTrc.ARIB_STD_B67:
        return "hlg"
    return "wide" if picture.color_primaries == ColorPrimaries.BT2020 else None


def pq_light(signal: np.ndarray) -> np.ndarray:
    """PQ signal 0..1 to light 0..10000 (SMPTE ST 2084, the EOTF)."""
    root = signal ** (1 / _M2)
    return 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def pq_signal(light: np.ndarray) -> np.ndarray:
    """The inverse of `pq_light`."""
    power = (light / 10_000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def hlg_light(signal: np.ndarray) -> np.ndarray:
    """HLG signal (..., 3) 0..1 to the light of a display of 1000 cd/m2 (BT.2100, system gamma 1.2).

    The inverse OETF gives the light of the scene, the OOTF that of the display.
    """
    bright = np.exp((np.maximum(signal, 0.5) - _C) / _A) + _B
    scene = np.where(signal <= 0.5, signal**2 / 3, bright / 12)
    return PEAK * (scene @ _LUMINANCE)[..., None] ** 0.2 * scene


def rolled_off(light: np.ndarray) -> np.ndarray:
    """Light 0..1000 cd/m2 to 0..203: the highlights are compressed (BT.2390, the EETF)."""
    peak, white = pq_signal(np.array(PEAK)), pq_signal(np.array(WHITE))
    level, top = np.minimum(pq_signal(light) / peak, 1), white / peak
    knee = 1.5 * top - 0.5
    t = np.maximum(level - knee, 0) / (1 - knee)
    bent = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * top
    )
    return pq_light(np.where(level < knee, level, bent) * peak)


def to_bt709(
    colours: np.ndarray, signal: Signal, matrix: np.ndarray = BT2020_TO_BT709
) -> np.ndarray:
    """R'G'B' (..., 3) 0..1 of that signal to R'G'B' 0..1 in BT.709.

    `matrix` is that of linear light in its primaries, by default BT.2020, to BT.709. The brightest
    of the three channels is rolled off and the others are scaled with it, so that hues stay; what
    BT.709 cannot show is clipped.
    """
    if signal == "wide":
        light = colours**_GAMMA
    else:
        display = pq_light(colours) if signal == "pq" else hlg_light(colours)
        brightest = display.max(axis=-1, keepdims=True)
        light = display * (rolled_off(brightest) / np.maximum(brightest, 1e-9)) / WHITE
    return (light @ matrix.T).clip(0, 1) ** (1 / _GAMMA)


class ToneMapper:
    """Applies `to_bt709` to planar RGB pictures of 16 bits, of one size and format."""

    def __init__(self, like: av.VideoFrame, signal: Signal) -> None:
        self._likeness = _likeness(like, signal)
        with TemporaryDirectory() as folder:
            cube = Path(folder) / "table.cube"
            cube.write_text(_cube(signal))
            self._graph = graph(like, "lut3d", file=str(cube), interp="tetrahedral")

    def fits(self, picture: av.VideoFrame, signal: Signal) -> bool:
        return _likeness(picture, signal) == self._likeness

    def __call__(self, picture: av.VideoFrame) -> av.VideoFrame:
        self._graph.vpush(picture)
        return self._graph.vpull()


def _likeness(picture: av.VideoFrame, signal: Signal) -> tuple[int, int, str, Signal]:
    return picture.width, picture.height, picture.format.name, signal


@lru_cache
def _cube(signal: Signal) -> str:
    """The table in the .cube format: red changes fastest."""
    steps = np.linspace(0, 1, _GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colours = to_bt709(np.stack([red, green, blue], axis=-1), signal).reshape(-1, 3)
    rows = (f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in colours.tolist())
    return "\n".join([f"LUT_3D_SIZE {_GRID}", *rows, ""])
