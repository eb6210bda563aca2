"""The videos in a folder."""

from pathlib import Path

# A file with one of these suffixes is meant to be a video. Where it cannot be read, callers say so
# and do not skip it in silence.
SUFFIXES = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts",
    ".webm", ".wmv",
}  # fmt: skip


def videos_in(folder: Path) -> list[Path]:
    """Every video in a folder, at any depth, sorted by path, except hidden files and folders."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
