"""A finished video as a GIF: one palette of 256 colours for all of it, dithered."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from media.atomic import replacing
from media.video import read_frames, read_frames_at

# A GIF counts in hundredths of a second, and browsers slow down what is shorter than two.
_FASTEST = Fraction(50)
_COLOURS = 256
# The colours are chosen of so many frames, each of this width.
_SAMPLED_FRAMES, _SAMPLED_WIDTH = 40, 320


def write_gif(
    video: Path, out_path: Path, fps: Fraction, frames: int, size: tuple[int, int]
) -> None:
    """Write the `frames` of a `video` at `fps` as a GIF without end, at 50 a second at most.

    `size` (width, height) is that of the GIF: columns and rows beyond it are left out.
    Raises MediaError as `read_frames` does.
    """
    width, height = size
    palette = _palette(video, fps, frames)
    levels = np.array(palette.getpalette("RGB"), np.uint8).reshape(-1, 3)
    argb = np.full((_COLOURS, 4), 255, np.uint8)
    argb[: len(levels), 1:] = levels
    rate = min(fps, _FASTEST)
    with replacing(out_path) as unfinished, av.open(str(unfinished), "w", format="gif") as output:
        stream = output.add_stream("gif", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        for number, frame in enumerate(read_frames(video, fps=rate)):
            dithered = Image.fromarray(frame[:height, :width]).quantize(palette=palette)
            picture = av.VideoFrame.from_ndarray(
                (np.asarray(dithered), argb),  # type: ignore[arg-type]  # pal8
                "pal8",
            )
            picture.pts, picture.time_base = number, 1 / rate
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


def _palette(video: Path, fps: Fraction, frames: int) -> Image.Image:
    sampled = sorted({number * frames // _SAMPLED_FRAMES for number in range(_SAMPLED_FRAMES)})
    step = None
    parts = []
    for frame in read_frames_at(video, sampled, fps):
        step = step or max(1, frame.shape[1] // _SAMPLED_WIDTH)
        parts.append(frame[::step, ::step])
    return Image.fromarray(np.concatenate(parts)).quantize(_COLOURS)
