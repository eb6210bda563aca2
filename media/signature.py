"""The type of a file by its first bytes (magic numbers); its name does not count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from media.errors import unreadable, unsupported


@dataclass(frozen=True)
class Signature:
    """The reader of a file: Pillow for the format, or FFmpeg with the demuxer named by it."""

    reader: Literal["pillow", "ffmpeg"]
    format: str


_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
# Eleven set bits open a frame of MPEG audio (ISO/IEC 11172-3, 2.4.1.3); layer 0 is AAC's header
# (ISO/IEC 13818-7, 6.2).
_MPEG_SOUND = re.compile(rb"\xff[\xe0-\xff]")
_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_RIFF = {
    b"WEBP": Signature("pillow", "WEBP"),
    b"AVI ": Signature("ffmpeg", "avi"),
    b"WAVE": Signature("ffmpeg", "wav"),
}
_PREFIXES = {
    b"\x89PNG\r\n\x1a\n": Signature("pillow", "PNG"),
    b"\xff\xd8\xff": Signature("pillow", "JPEG"),
    b"GIF87a": Signature("pillow", "GIF"),
    b"GIF89a": Signature("pillow", "GIF"),
    b"\x1aE\xdf\xa3": Signature("ffmpeg", "matroska"),
    b"OggS": Signature("ffmpeg", "ogg"),
    b"fLaC": Signature("ffmpeg", "flac"),
}
# Types of file that are refused: rare pictures, and everything that names other files or hosts
# (playlists, concat scripts, session descriptions).
_REFUSED = (
    b"#EXTM3U", b"ffconcat", b"v=0", b"<?xml", b"<MPD", b"<svg", b"%PDF", b"BM",
    b"II*\x00", b"MM\x00*", b"FLV\x01", b"PK\x03\x04", b"\x30\x26\xb2\x75", b"\xff\x0a",
    b"\x00\x00\x01\xb3", b"\x00\x00\x01\xba", b"G@",  # MPEG's own: of old cameras, of television
)  # fmt: skip


def read_signature(path: Path) -> Signature:
    """The reader of a file. Raises MediaError: unreadable-media (empty, text, noise),
    unsupported-type (refused).
    """
    try:
        with path.open("rb") as file:
            return signature_in(file)
    except OSError as error:
        raise unreadable() from error


def signature_in(file: IO[bytes]) -> Signature:
    """As `read_signature`, of an open file that stands at its beginning."""
    head = file.read(16)
    if head.startswith(b"ID3"):
        # A tag before the sound: its size comes in four bytes of seven bits (ID3v2, 3.1).
        file.seek(10 + int("".join(f"{byte & 127:07b}" for byte in head[6:10]), 2))
        return _tagged(file.read(16))
    if head[4:8] in _ISO_BOXES:
        if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
            raise unsupported()
        return Signature("ffmpeg", "mov")
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    for prefix, signature in _PREFIXES.items():
        if head.startswith(prefix):
            return signature
    if _MPEG_SOUND.match(head):
        return _tagged(head)
    raise unsupported() if head.startswith(_REFUSED) else unreadable()


def _tagged(head: bytes) -> Signature:
    """Which of the sounds that may carry an ID3 tag this is; MP3 may begin with padding."""
    if head.startswith(b"fLaC"):
        return _PREFIXES[b"fLaC"]
    return Signature("ffmpeg", "aac" if _ADTS.match(head) else "mp3")
