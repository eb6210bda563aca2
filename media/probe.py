"""What a file is: decided by its bytes, never by its name."""

from __future__ import annotations

from pathlib import Path

from media.media_info import DEFAULT_LIMITS, NOTES, Kind, Limits, MediaInfo

__all__ = ["NOTES", "Kind", "Limits", "MediaInfo", "content_hash", "probe"]


def probe(path: str | Path, limits: Limits = DEFAULT_LIMITS) -> MediaInfo:
    """The facts about a file, found by decoding its beginning and counting all its packets.

    Raises MediaError: unreadable-media, unsupported-type, too-large, too-long, size-changes.
    """
    from media.inspection import inspect

    return inspect(Path(path), limits)


def content_hash(path: str | Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    import hashlib

    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
