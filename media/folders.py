"""The videos in a folder."""

from pathlib import Path

# What is named so is meant to be a video. Some of it cannot be read: whoever goes through a folder
# says so, rather than to pass it over in silence.
SUFFIXES = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts",
    ".webm", ".wmv",
}  # fmt: skip


def videos_in(folder: Path) -> list[Path]:
    """Every video in a folder, at any depth, in order; nothing in it that is hidden."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
