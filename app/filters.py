"""Template filters: sizes and times as text; and the labels of choices."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

NBSP = "\N{NO-BREAK SPACE}"

# What happens to a video that is not as long as the voice.
SYNC_MODES = {
    "bounce": "Play it there and back",
    "loop": "Play it again and again",
    "freeze": "Hold its last frame",
    "remap": "Slow it down or speed it up",
    "cut_off": "End with the shorter of the two",
    "silence": "Show just the whole video",
}

# Where the visible mark is drawn.
BADGES = {
    "bottom-right": "At the bottom right",
    "bottom-left": "At the bottom left",
    "top-right": "At the top right",
    "top-left": "At the top left",
    "none": "Nowhere",
}

# What each process of the Procfile does that is heard of as a worker.
PROCESSES = {
    "light": "identifies people, joins videos",
    "engine": "finds faces, moves mouths",
    "beat": "schedules",
}


def byte_size(count: int) -> str:
    """Bytes as "2 GB" or "350 kB", in powers of 1024 as limits are set."""
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 999.5:  # more would be four digits, which .3g writes with an exponent
            return f"{value:.3g}{NBSP}{unit}"
        value /= 1024
    return f"{value:.3g}{NBSP}GB"


def host(url: str) -> str:
    """The host of an address."""
    return urlsplit(url).hostname or ""


def time_since(iso: str) -> str:
    """An ISO 8601 time as the time since: "just now", "5 minutes ago", "on 3 May 2025"."""
    then = datetime.fromisoformat(iso)
    seconds = (datetime.now(UTC) - then).total_seconds()
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if count := int(seconds // unit):
            if unit == 86400 and count > 6:
                return f"on {then.day} {then:%B %Y}"
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def day(iso: str) -> str:
    """An ISO 8601 time as its day: "7 December", with the year if that is another one."""
    then = datetime.fromisoformat(iso)
    year = f" {then.year}" if then.year != datetime.now(UTC).year else ""
    return f"{then.day} {then:%B}{year}"


def clock(seconds: float) -> str:
    """Seconds as a player shows them: "0:05", "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
