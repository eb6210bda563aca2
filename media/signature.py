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


_PACKET, _PACKET_START = 188, b"G"  # of an MPEG transport stream
_LONGEST_BRANDS = 256  # bytes of the box that names them
_ISO_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
# Brands of still pictures (ISO/IEC 23008-12, AV1 Image File Format); `mif1` says of no codec.
_PICTURE_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), Signature("pillow", "AVIF")),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis"), Signature("pillow", "HEIF")),
    **dict.fromkeys((b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"), Signature("pillow", "HEIF")),
}
# Eleven set bits open a frame of MPEG audio (ISO/IEC 11172-3, 2.4.1.3); layer 0 is AAC's header
# (ISO/IEC 13818-7, 6.2).
_MPEG_SOUND = re.compile(rb"\xff[\xe0-\xff]")
_ADTS = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
# Files of chunks: by their first four bytes and by those that follow the size.
_CHUNKED = {
    (b"RIFF", b"WEBP"): Signature("pillow", "WEBP"),
    (b"RIFF", b"AVI "): Signature("ffmpeg", "avi"),
    (b"RIFF", b"WAVE"): Signature("ffmpeg", "wav"),
    (b"RIFX", b"WAVE"): Signature("ffmpeg", "wav"),
    (b"RF64", b"WAVE"): Signature("ffmpeg", "wav"),
    (b"BW64", b"WAVE"): Signature("ffmpeg", "wav"),
    (b"FORM", b"AIFF"): Signature("ffmpeg", "aiff"),
    (b"FORM", b"AIFC"): Signature("ffmpeg", "aiff"),
}
_PREFIXES = {
    b"\x89PNG\r\n\x1a\n": Signature("pillow", "PNG"),
    b"\xff\xd8\xff": Signature("pillow", "JPEG"),
    b"GIF87a": Signature("pillow", "GIF"),
    b"GIF89a": Signature("pillow", "GIF"),
    b"\x1aE\xdf\xa3": Signature("ffmpeg", "matroska"),
    b"OggS": Signature("ffmpeg", "ogg"),
    b"fLaC": Signature("ffmpeg", "flac"),
    b"riff\x2e\x91\xcf\x11": Signature("ffmpeg", "w64"),
    b"caff": Signature("ffmpeg", "caf"),
    b".snd": Signature("ffmpeg", "au"),
    b"\x06\x0e\x2b\x34": Signature("ffmpeg", "mxf"),  # a universal label (SMPTE ST 298)
    b"\x00\x00\x01\xba": Signature("ffmpeg", "mpeg"),  # a pack (ISO/IEC 13818-1, 2.5.3.3)
    b"#!AMR": Signature("ffmpeg", "amr"),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Signature("ffmpeg", "asf"),
}
_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n\0"
# Types of file that begin with text and are refused as kinds: everything that names other files or
# hosts (playlists, concat scripts, session descriptions), drawings, documents, old sounds.
_REFUSED = (
    b"#EXTM3U", b"ffconcat", b"v=0", b"<?xml", b"<MPD", b"<svg", b"%PDF", b"Creative Voice",
)  # fmt: skip


def read_signature(path: Path) -> Signature:
    """The reader of a file. Raises MediaError: unreadable-media (empty, zeros or text),
    unsupported-type (all other kinds).
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
        brands = _brands(head, file) if head[4:8] == b"ftyp" else []
        if brands and brands[0] in _PICTURE_BRANDS:
            return next(_PICTURE_BRANDS[each] for each in _PICTURE_BRANDS if each in brands)
        return Signature("ffmpeg", "mov")
    if signature := _CHUNKED.get((head[:4], head[8:12])):
        return signature
    for prefix, signature in _PREFIXES.items():
        if head.startswith(prefix):
            return signature
    if _is_transport_stream(head, file):
        return Signature("ffmpeg", "mpegts")
    if head.startswith(b"\x0bw") and len(head) > 5:
        # The identification of the bit stream, 5 bits: AC-3's is 10 at most (ETSI TS 102 366).
        return Signature("ffmpeg", "eac3" if head[5] >> 3 > 10 else "ac3")
    if _MPEG_SOUND.match(head):
        return _tagged(head)
    if head.startswith(_REFUSED) or not _is_text_or_nothing(head):
        raise unsupported()
    raise unreadable()


def _is_text_or_nothing(head: bytes) -> bool:
    return not head.translate(None, _TEXT)


def _brands(head: bytes, file: IO[bytes]) -> list[bytes]:
    """The major brand of an ISO file, then those it is compatible with; `head` is 16 bytes."""
    rest = file.read(min(int.from_bytes(head[:4], "big"), _LONGEST_BRANDS) - len(head))
    return [head[8:12], *(rest[place : place + 4] for place in range(0, len(rest), 4))]


def _is_transport_stream(head: bytes, file: IO[bytes]) -> bool:
    """Whether packets of television (188 bytes, ISO/IEC 13818-1) or of cameras and discs (with four
    bytes of time before each) follow each other; `head` is 16 bytes.
    """
    starts = [start for start in (0, 4) if head[start : start + 1] == _PACKET_START]
    if not starts:
        return False
    begin = head + file.read(4 * _PACKET)
    return any(
        begin[start : start + 3 * (_PACKET + start) + 1 : _PACKET + start] == 4 * _PACKET_START
        for start in starts
    )


def _tagged(head: bytes) -> Signature:
    """Which of the sounds that may carry an ID3 tag this is; MP3 may begin with padding."""
    if head.startswith(b"fLaC"):
        return _PREFIXES[b"fLaC"]
    return Signature("ffmpeg", "aac" if _ADTS.match(head) else "mp3")
