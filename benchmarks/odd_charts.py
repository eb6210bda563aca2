"""Charts of flat colours, and names of files, for odd pictures and videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.odd_kind import require

_PATCH = 24  # pixels of the side of a patch, at least: codecs store blurred colours
_NAMES = (
    "it's \"quoted\"", "two\nlines", "лицо 顔 🙂", "..%2F..", "concat:a|b", "%03d", "-i",
    "http:__host", " blank ", "no ending", "a" * 200, "x.png.mp4", "$(reboot);&", "\x01\x7f", "é́",
)  # fmt: skip


def odd_path(rng: np.random.Generator, folder: Path, ending: str) -> Path:
    """A path in a folder: a usual name, an odd one, or one with a wrong ending."""
    name = f"input.{ending}"
    if rng.random() < 0.3:
        name = f"{_NAMES[int(rng.integers(len(_NAMES)))]}.{ending}"
    if rng.random() < 0.1:
        name = f"{name.rpartition('.')[0]}.{rng.choice(('png', 'mp4', 'txt', 'jpg', 'wav'))}"
    return folder / name


def chart(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Up to four by four patches, levels 30 to 225: uint8 (height, width, 3)."""
    rows, columns = (int(np.clip(side // _PATCH, 1, 4)) for side in (height, width))
    colours = rng.integers(30, 226, (rows, columns, 3), np.uint8)
    return enlarged(colours, width, height)


def enlarged(patches: np.ndarray, width: int, height: int) -> np.ndarray:
    """Patches (rows, columns, ...) as a picture (height, width, ...)."""
    down = np.arange(height) * len(patches) // height
    across = np.arange(width) * patches.shape[1] // width
    return patches[down][:, across]


def require_alike(found: np.ndarray, right: np.ndarray, most: float, exact: bool = False) -> None:
    """Require pictures uint8 (height, width, 3) of one size in which no level differs by more.

    `exact` asks this of every pixel; else only the mean colours of the middles of patches count.
    """
    require(found.shape == right.shape, f"it is {found.shape}, not {right.shape}")
    require(found.dtype == np.uint8, f"it is {found.dtype}")
    off = difference(found, right, exact)
    require(off <= most, f"a level is off by {off:.1f}")


def difference(found: np.ndarray, right: np.ndarray, exact: bool = False) -> float:
    """By how many levels two pictures of one size differ at most; see `require_alike`."""
    if exact:
        return float(np.abs(found - right.astype(float)).max())
    return float(np.abs(_middles(found) - _middles(right)).max())


def _middles(picture: np.ndarray) -> np.ndarray:
    """The mean colours of the middles of sixteen fields, or of all where it is small."""
    height, width = picture.shape[:2]
    rows, columns = (int(np.clip(side // _PATCH, 1, 4)) for side in (height, width))
    found = np.zeros((rows, columns, 3))
    for row in range(rows):
        for column in range(columns):
            top, bottom = _middle(row, rows, height)
            left, right = _middle(column, columns, width)
            found[row, column] = picture[top:bottom, left:right].mean((0, 1))
    return found


def _middle(number: int, count: int, side: int) -> tuple[int, int]:
    """Where the middle half of a field begins and ends."""
    begin, end = -(-number * side // count), -(-(number + 1) * side // count)
    quarter = (end - begin) // 4
    return begin + quarter, end - quarter
