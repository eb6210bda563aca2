"""A small picture of a file, for browsers that cannot show the file itself: HEIC, HEVC, ProRes."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from media.pictures import read_picture
from media.signature import read_signature

POSTER_SIDE = 480  # pixels, at most
_QUALITY = 80


def poster(path: Path) -> bytes:
    """The picture, or the first frame of the video, as a JPEG of `POSTER_SIDE` at most.

    Raises MediaError as `read_picture` and `media.video.read_frames` do.
    """
    from media.video import read_frames

    still = read_signature(path).reader == "pillow"
    frame = read_picture(path) if still else next(read_frames(path, 0, 1))
    image = Image.fromarray(frame)
    image.thumbnail((POSTER_SIDE, POSTER_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
