"""Why a point at a face may mean nobody."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from media.probe import MediaInfo
from rendering.options import Options
from rendering.spec import Source
from workers.job_spec import JobOutline
from workers.person_selection import not_found

TEN_SECONDS = MediaInfo("video", 640, 360, Fraction(25), 250, Fraction(10))


@pytest.mark.parametrize(
    ("time", "options", "said"),
    [
        (1.5, {}, "Nobody was found at the point 30, 40"),
        (4, {}, "Only the first 2 seconds are shown"),
        (4, {"sync_mode": "silence"}, "Nobody was found"),
        (4, {"static": True}, "Nobody was found"),
    ],
)
def test_nobody_is_looked_for_after_what_is_shown(
    time: float, options: dict[str, Any], said: str
) -> None:
    source = Source(Path("film.mp4"), TEN_SECONDS, Options(**options))
    point = {"x": 30, "y": 40, "time": time, "frame": None}
    error = not_found(JobOutline(source, (Fraction(2),)), point, [1])
    assert error.code == "no-such-person"
    assert said in error.message
