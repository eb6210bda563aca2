"""Writing video in pieces that fit together without being encoded again."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.video.reformatter import ColorRange

from media.atomic import replacing
from media.encoding import MP4, Encoding, Quality
from media.planar import BT709, Colours, Planar


def _cpu() -> str:
    """What the kernel tells of the processor, nothing where it tells nothing."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


# 4:2:0 keeps a quarter of the colour samples; on a photograph that alone costs RGB about 41 dB.
# To stay above 40 dB the rest of the loss must be small: a still is nearly free at this quality,
# because all but its first frame are skipped blocks.
STILL_CRF = 12
VIDEO_CRF = 16
# It takes half the time of "fast", and a tenth fewer bits; a 1280x720 video that was coded before
# loses 2.8 dB by it, which leaves 42.
_PRESET = "veryfast"
_THREADS = 2
# x264 holds some 25 frames with its usual lookahead and B-frames: too many of large ones.
_LARGE_PIXELS = 6_000_000
_FEW_FRAMES = "rc-lookahead=3:bframes=1"
# x264 weighs macroblocks with AVX-512 by memory that it never wrote, wherever a row of them does
# not fill a register: then the same frames give other bytes each time. One step less is as good.
_ASSEMBLY = "SSE2,SSSE3,SSE42,AVX,FMA3,BMI1,BMI2,AVX2"
_X264 = ":".join(
    (
        *([f"asm={_ASSEMBLY}"] if "avx512" in _cpu() else []),
        "chroma-qp-offset=-6",  # RGB amplifies chroma errors by up to 1.86
        "open-gop=0",
        "stitchable=1",
    )
)


_VP9 = {"deadline": "good", "cpu-used": "5", "row-mt": "1", "b": "0"}
_VP9_CRF = 12  # more than x264's for as much


class VideoWriter:
    """Video in an `encoding`, limited range, tagged with its `colours`. A context manager.

    In MP4, an odd side grows by one repeated row or column. A GIF is made of a finished video
    (`media.gif`): its frames are written as MP4. Nothing lies under `path` until the block ends
    without an exception. The encoder's settings depend on nothing but the arguments, so that
    segments written with the same ones can be concatenated (`media.assemble.concatenate`), and the
    same frames give the same bytes.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        crf: int = VIDEO_CRF,
        preset: str = _PRESET,
        colours: Colours = BT709,
        encoding: Encoding = MP4,
        quality: Quality = "standard",
    ) -> None:
        self._path = Path(path)
        self._size = (width, height)
        self._fps = Fraction(fps)
        self._colours = colours
        self._encoding = MP4 if encoding.container == "gif" else encoding
        self._options = {
            "libx264": lambda: self._x264(crf, preset, quality),
            "libvpx-vp9": lambda: {**_VP9, "crf": str(crf + _VP9_CRF)},
            "prores_ks": lambda: {"profile": "hq", "vendor": "apl0"},
        }[self._encoding.video]()
        self._written = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            unfinished = stack.enter_context(replacing(self._path))
            format = self._encoding.container
            self._container = stack.enter_context(av.open(str(unfinished), "w", format=format))
            added = self._container.add_stream(
                self._encoding.video, rate=self._fps, options=self._options
            )
            self._stream = cast("av.VideoStream", added)
            self._configure(self._stream.codec_context)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: np.ndarray | Planar) -> None:
        """Append one frame, planar or RGB uint8 (height, width, 3).

        Raises ValueError when it is not of the announced size, or planar in other colours.
        """
        if not isinstance(frame, Planar):
            if frame.dtype != np.uint8 or frame.shape[2:] != (3,):
                raise ValueError(f"A frame must be RGB uint8, not {frame.dtype} {frame.shape}.")
            frame = Planar.of_rgb(frame, self._colours)
        if (own := (frame.size, frame.colours)) != (asked := (self._size, self._colours)):
            raise ValueError(f"A frame of {own} does not fit a video of {asked}.")
        picture = self._picture(frame)
        picture.pts = self._written
        picture.time_base = 1 / self._fps
        self._container.mux(self._stream.encode(picture))
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._container.mux(self._stream.encode(None))

    def _x264(self, crf: int, preset: str, quality: Quality) -> dict[str, str]:
        settings, (width, height) = _X264, self._size
        # Colours made here are the mean of 2x2 pixels, right for plain readers, and lie between.
        if self._colours.centred:
            settings = f"{settings}:chromaloc=1"
        if width * height > _LARGE_PIXELS:
            settings = f"{settings}:{_FEW_FRAMES}"
        rate = {"qp": "0"} if quality == "lossless" else {"crf": str(crf)}
        return {**rate, "preset": preset, "x264-params": settings}

    def _picture(self, frame: Planar) -> av.VideoFrame:
        picture = av.VideoFrame.from_ndarray(frame.levels, "yuv420p")
        if not self._encoding.even and (picture.width, picture.height) != self._size:
            picture = frame.cut()
        picture.color_range = ColorRange.MPEG
        if self._encoding.pix_fmt != "yuv420p":
            picture = picture.reformat(format=self._encoding.pix_fmt, threads=1)
        return picture

    def _configure(self, context: av.VideoCodecContext) -> None:
        width, height = self._size
        grows = self._encoding.even
        context.width = width + width % 2 * grows
        context.height = height + height % 2 * grows
        context.pix_fmt = self._encoding.pix_fmt
        context.time_base = 1 / self._fps
        context.color_range = ColorRange.MPEG
        context.colorspace = self._colours.matrix
        context.color_primaries = self._colours.primaries
        context.color_trc = self._colours.transfer
        context.thread_count = _THREADS
