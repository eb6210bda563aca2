"""Planar frames: YUV 4:2:0 as video stores it, changed only where something is drawn.

A video with an animated mouth must stay as it was everywhere else. So its frames are kept as they
were decoded, only the window around a face is converted to RGB, and what was drawn there is written
back into the planes, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from media.hdr import signal_of
from media.upright import CAREFUL, UNSPECIFIED, Upright, colour_matrix, rgb_of

# Code points of H.273: BT.709, and the two of BT.601.
_MATRICES = (1, 5, 6)

Window = tuple[int, int, int, int]  # left, top, right, bottom in even pixels, unless the frame ends


@dataclass(frozen=True)
class Colours:
    """The colour space of 4:2:0 planes: code points of ITU-T H.273, limited range.

    With `centred` a chroma sample lies in the middle of its four pixels; otherwise the location is
    unspecified, which players read as between the two pixels on the left.
    """

    matrix: int = Colorspace.ITU709
    primaries: int = ColorPrimaries.BT709
    transfer: int = ColorTrc.BT709
    centred: bool = True


BT709 = Colours()


@dataclass(frozen=True, eq=False)
class Planar:
    """A frame as 8-bit YUV 4:2:0: `levels` (3/2 height, width) uint8, Y above U above V.

    Sides are even; an odd side of the original is padded by one repeated row or column. A frame
    made from RGB keeps that, (height, width, 3), as `rgb`: reading it loses nothing.
    """

    levels: np.ndarray
    colours: Colours = BT709
    rgb: np.ndarray | None = None

    @classmethod
    def of_rgb(cls, frame: np.ndarray, colours: Colours = BT709) -> Planar:
        """From an RGB uint8 frame (height, width, 3), which must not be changed afterwards."""
        return cls(_levels(frame, colours, len(frame)), colours, frame)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        if self.rgb is not None:
            return self.rgb.shape[1], self.rgb.shape[0]
        return self.levels.shape[1], self.levels.shape[0] * 2 // 3

    @property
    def luma(self) -> np.ndarray:
        """Y of every pixel, (height, width) uint8, 16 to 235, padding included: a view."""
        return _planes(self.levels)[0]

    @property
    def nbytes(self) -> int:
        return self.levels.nbytes + (0 if self.rgb is None else self.rgb.nbytes)

    def around(self, x1: float, y1: float, x2: float, y2: float) -> Window | None:
        """The smallest window around a box (pixels), clipped to the frame; None if it is empty."""
        width, height = self.size
        left, top = max(int(x1) // 2 * 2, 0), max(int(y1) // 2 * 2, 0)
        right, bottom = min(-int(-x2 // 2) * 2, width), min(-int(-y2 // 2) * 2, height)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def seen(self, window: Window) -> np.ndarray:
        """The pixels of a window, RGB uint8 (height, width, 3); they must not be written to."""
        left, top, right, bottom = window
        if self.rgb is not None:
            return self.rgb[top:bottom, left:right]
        luma, chroma = _planes(self.levels)
        parts = (
            luma[top:bottom, left:right],
            chroma[:, top // 2 : bottom // 2, left // 2 : right // 2],
        )
        part = np.concatenate([each.ravel() for each in parts]).reshape(-1, right - left)
        picture = av.VideoFrame.from_ndarray(part, "yuv420p")
        picture.color_range = ColorRange.MPEG
        return rgb_of(picture, colour_matrix(self.colours.matrix, self.size[1]))

    def drawn(self, window: Window, before: np.ndarray, after: np.ndarray) -> Planar:
        """A copy with `after` in a window whose pixels `seen` gave as `before`; itself if equal.

        Both are RGB uint8 (height, width, 3). Only pixels that differ change, and the chroma
        samples that they have in common with their neighbours.
        """
        red, green, blue = np.moveaxis(before != after, 2, 0)
        changed = red | green | blue
        if not changed.any():
            return self
        left, top, right, bottom = window
        levels = self.levels.copy()
        luma, chroma = _planes(levels)
        new_luma, new_chroma = _planes(_levels(after, self.colours, self.size[1]))
        height, width = new_luma.shape
        grown = (0, height - bottom + top), (0, width - right + left)
        changed = np.pad(changed, grown, mode="edge")
        upper, lower = changed[::2], changed[1::2]
        touched = upper[:, ::2] | upper[:, 1::2] | lower[:, ::2] | lower[:, 1::2]
        np.copyto(luma[top : top + height, left : left + width], new_luma, where=changed)
        rows, columns = slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2)
        np.copyto(chroma[:, rows, columns], new_chroma, where=touched)
        rgb = self.rgb
        if rgb is not None:
            rgb = rgb.copy()
            rgb[top:bottom, left:right] = after
        return replace(self, levels=levels, rgb=rgb)

    def cut(self) -> av.VideoFrame:
        """The planes as a picture of the frame's own `size`, without the padding of odd sides."""
        width, height = self.size
        picture = av.VideoFrame(width, height, "yuv420p")
        luma, chroma = _planes(self.levels)
        for plane, levels in zip(picture.planes, (luma[:height, :width], *chroma), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            rows[:, : plane.width] = levels
        return picture


class PlanarConverter:
    """Converts the decoded pictures of one stream to planar frames in `colours`.

    A picture stored in them, with square pixels and upright, keeps its planes to the last bit.
    """

    def __init__(self, stream: av.VideoStream, colours: Colours) -> None:
        self._upright, self._colours = Upright(stream), colours

    def __call__(self, picture: av.VideoFrame) -> Planar:
        colours = colours_of(picture, self._colours.centred)
        if colours == self._colours and self._upright.is_already(picture):
            return Planar(picture.to_ndarray(), self._colours)
        return Planar.of_rgb(self._upright(picture), self._colours)


def colours_of(picture: av.VideoFrame, centred: bool) -> Colours | None:
    """The colours of a decoded picture, None unless `Planar` can hold it unconverted."""
    fits = (
        picture.format.name == "yuv420p"
        and picture.width % 2 == picture.height % 2 == 0
        and picture.color_range != ColorRange.JPEG
        and picture.colorspace in (UNSPECIFIED, *_MATRICES)
        and signal_of(picture) is None
    )
    if not fits:
        return None
    return Colours(picture.colorspace, picture.color_primaries, picture.color_trc, centred)


def has_centred_colours(picture: av.VideoFrame) -> bool:
    """Whether swscale assumes centred chroma samples for a decoded 4:2:0 picture.

    PyAV does not pass on what the file says. So an edge of chroma is drawn and converted: the first
    pixel on its right has either the colour of that side, or one half way.
    """
    small = picture.reformat(width=16, height=16, format="yuv420p")
    luma, *chroma = (np.frombuffer(memoryview(plane), np.uint8) for plane in small.planes)
    luma[:] = 128
    for plane in chroma:
        rows = plane.reshape(8, -1)
        rows[:, :4], rows[:, 4:] = 108, 148
    row = small.reformat(format="rgb24", interpolation=Interpolation.BILINEAR | CAREFUL)
    edge, *_, plain = row.to_ndarray()[8, 8:, 0].tolist()
    return bool(edge != plain)


def _planes(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Y (height, width), and U and V as (2, height / 2, width / 2): views."""
    rows, width = levels.shape
    height = rows * 2 // 3
    flat = levels.reshape(-1)
    chroma = flat[height * width :].reshape(2, height // 2, width // 2)
    return flat[: height * width].reshape(height, width), chroma


def _levels(rgb: np.ndarray, colours: Colours, height: int) -> np.ndarray:
    """The planes of RGB pixels, all or a part of a frame that is `height` pixels high."""
    even = np.pad(rgb, [(0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)], mode="edge")
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), "rgb24").reformat(
        format="yuv420p",
        dst_colorspace=colour_matrix(colours.matrix, height),
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.AREA | CAREFUL,
        threads=1,
    )
    return picture.to_ndarray()
