"""A decoded picture as it is displayed: RGB of BT.709, opaque, square pixels, upright."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from media.hdr import Signal, ToneMapper, signal_of
from media.media_info import working_size

# Without these flags swscale repeats chroma samples and rounds twice: 2.5 dB on a photograph.
CAREFUL = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
UNSPECIFIED = 2  # as H.273 counts
_HD_HEIGHT = 720
# Encoders round: 852x480 "16:9" has pixels 0.2 % from square. Only real anamorphic video counts.
_SQUARE_ENOUGH = Fraction(1, 50)


def displayed_size(stream: av.VideoStream) -> tuple[int, int]:
    """(width, height) with square pixels, before the display matrix rotates it."""
    context = stream.codec_context
    ratio = stream.sample_aspect_ratio or Fraction(1)
    if abs(ratio - 1) <= _SQUARE_ENOUGH:
        return context.width, context.height
    return max(1, round(context.width * ratio)), context.height


class Upright:
    """Makes RGB uint8 frames (height, width, 3) of the decoded pictures of one stream.

    They have the `working_size` of the displayed one.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._width, self._height = working_size(*displayed_size(stream))
        self._display_matrix: list[int] | None = None
        self._tone_mapper: ToneMapper | None = None

    def is_already(self, picture: av.VideoFrame) -> bool:
        """Whether a picture is stored with square pixels and the right way up."""
        a, b, c, d = self._turned_by(picture)
        square = (picture.width, picture.height) == (self._width, self._height)
        return square and a > 0 and b == c == 0 and d > 0

    def __call__(self, picture: av.VideoFrame) -> np.ndarray:
        transparent, signal = has_alpha(picture), signal_of(picture)
        if signal:
            picture = self._tone_mapped(picture, signal, transparent)
        if transparent:
            frame = _on_white(self._converted(picture, "rgba").to_ndarray())
        else:
            frame = _packed(self._converted(picture, "gbrp"))
        return _turned(frame, self._turned_by(picture))

    def _turned_by(self, picture: av.VideoFrame) -> list[int]:
        if self._display_matrix is None:
            # Side data and its picture hold each other until the garbage collector comes: asked of
            # a tiny copy, and once a stream, so that no large pictures pile up.
            copy = picture.reformat(width=16, height=16, format="gray")
            self._display_matrix = _display_matrix(copy)
        return self._display_matrix

    def _converted(self, picture: av.VideoFrame, format: str) -> av.VideoFrame:
        matrix = _colour_matrix(picture)
        return _reformatted(picture, format, matrix, self._width, self._height)

    def _tone_mapped(
        self, picture: av.VideoFrame, signal: Signal, transparent: bool
    ) -> av.VideoFrame:
        # Eight bits are too few before the highlights are compressed.
        deep = self._converted(picture, "gbrap16le" if transparent else "gbrp16le")
        if self._tone_mapper is None or not self._tone_mapper.fits(deep, signal):
            self._tone_mapper = ToneMapper(deep, signal)
        return self._tone_mapper(deep)


def has_alpha(picture: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in picture.format.components)


def rgb_of(part: av.VideoFrame, matrix: int) -> np.ndarray:
    """A part of an upright YUV picture as RGB uint8 (height, width, 3), by its colour `matrix`."""
    return _packed(_reformatted(part, "gbrp", matrix, part.width, part.height))


def colour_matrix(stored: int, height: int) -> int:
    """The colour matrix (H.273) of a picture `height` pixels high, with the `stored` one.

    Untagged video is BT.709 when it is high definition and BT.601 below, as players assume.
    """
    if stored != UNSPECIFIED:
        return stored
    return Colorspace.ITU709 if height >= _HD_HEIGHT else Colorspace.ITU601


def _colour_matrix(picture: av.VideoFrame) -> int | None:
    """None for RGB, which needs none. What is untagged and goes beyond BT.709 is BT.2020."""
    if picture.format.is_rgb:
        return None
    if picture.colorspace == UNSPECIFIED and signal_of(picture):
        return Colorspace.BT2020
    return colour_matrix(picture.colorspace, picture.height)


def _reformatted(
    picture: av.VideoFrame, format: str, matrix: int | None, width: int, height: int
) -> av.VideoFrame:
    return picture.reformat(
        width=width,
        height=height,
        format=format,
        src_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC | CAREFUL,
        threads=1,
    )


def _packed(planes: av.VideoFrame) -> np.ndarray:
    # Straight to rgb24 the same numbers take three times as long: swscale's quick instructions
    # work on planes.
    return planes.reformat(format="rgb24", threads=1).to_ndarray()


def _on_white(frame: np.ndarray) -> np.ndarray:
    colour, alpha = frame[..., :3].astype(np.uint16), frame[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _display_matrix(picture: av.VideoFrame) -> list[int]:
    """(a, b, c, d) of the display matrix (ISO/IEC 14496-12, 6.2.2): x' = ax + cy, y' = bx + dy."""
    try:
        data = picture.side_data[Type.DISPLAYMATRIX]  # type: ignore[typeddict-item]
    except KeyError:
        return [1, 0, 0, 1]
    return np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]].tolist()


def _turned(frame: np.ndarray, display_matrix: list[int]) -> np.ndarray:
    a, b, c, d = display_matrix
    if abs(b) > abs(a):
        frame = frame.swapaxes(0, 1)
        mirror_x, mirror_y = c < 0, b < 0
    else:
        mirror_x, mirror_y = a < 0, d < 0
    if mirror_x:
        frame = frame[:, ::-1]
    if mirror_y:
        frame = frame[::-1]
    return np.ascontiguousarray(frame)
