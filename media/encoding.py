"""How a result is coded: container and codecs, by the ending of its name and the quality."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from media.errors import MediaError

Quality = Literal["standard", "lossless", "prores"]
"""standard is for watching; lossless keeps every level; prores (422 HQ) is for editors."""
QUALITIES: tuple[Quality, ...] = get_args(Quality)


@dataclass(frozen=True)
class Encoding:
    """A container and what is in it, by libav's names.

    `media_type` is that for Content Credentials, None where the container has no place for them.
    `even` says that sides must be even, so that an odd one grows by a line.
    """

    container: str
    video: str
    pix_fmt: str = "yuv420p"
    sound: str | None = "aac"
    media_type: str | None = None
    even: bool = False


MP4 = Encoding("mp4", "libx264", media_type="video/mp4", even=True)
_MOV = replace(MP4, container="mov", media_type="video/quicktime")
_BY_ENDING = {
    ".mp4": MP4,
    ".m4v": MP4,
    "": MP4,
    ".mov": _MOV,
    ".webm": Encoding("webm", "libvpx-vp9", sound="libopus"),
    ".gif": Encoding("gif", "gif", "pal8", sound=None, media_type="image/gif"),
}
_PRORES = replace(_MOV, video="prores_ks", pix_fmt="yuv422p10le", sound="pcm_s16le")
_BY_QUALITY = {
    ("mp4", "lossless"): replace(MP4, sound="alac"),
    ("mov", "lossless"): replace(_MOV, sound="alac"),
    ("mov", "prores"): _PRORES,
}


def encoding_of(path: Path, quality: Quality = "standard") -> Encoding:
    """What is written to a file of this name.

    Raises MediaError unsupported-type for an ending that is none of a video that can be written,
    or not of one that can be written in that quality.
    """
    encoding = _BY_ENDING.get(path.suffix.lower())
    if encoding and quality != "standard":
        encoding = _BY_QUALITY.get((encoding.container, quality))
    if encoding is None:
        endings = {"standard": [*_BY_ENDING], "lossless": [".mp4", ".mov"], "prores": [".mov"]}
        raise MediaError(
            "unsupported-type",
            f"No video of {quality} quality can be written to {path.name}.",
            f"End its name in one of {', '.join(filter(None, endings[quality]))}.",
        )
    return encoding


def output_notes(encoding: Encoding, width: int, height: int) -> list[str]:
    """What the result of an encoding has not, or has more, than a video of a size in pixels."""
    notes = []
    if encoding.even and (width % 2 or height % 2):
        grown = f"{width + width % 2} x {height + height % 2}"
        notes.append(
            f"The result has {grown} pixels, not {width} x {height}: its codec has even sides "
            "only, so a row or column is repeated. WebM and GIF keep the size."
        )
    if encoding.sound is None:
        notes.append("A GIF has no sound.")
    if encoding.media_type is None:
        notes.append("The result is not signed: WebM has no place for Content Credentials.")
    return notes
