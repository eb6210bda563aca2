from datetime import UTC, datetime, timedelta

import pytest

from app import filters
from jobs import status_text
from jobs.records import STATES
from media.timeline import SYNC_MODES
from rendering.options import Options


def test_every_state_has_words() -> None:
    assert set(status_text.STATES) == set(STATES)


def test_every_sync_mode_has_words_and_the_default_comes_first() -> None:
    assert set(filters.SYNC_MODES) == set(SYNC_MODES)
    assert next(iter(filters.SYNC_MODES)) == Options().sync_mode


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (900, "900\N{NO-BREAK SPACE}bytes"),
        (2 * 1024**3, "2\N{NO-BREAK SPACE}GB"),
        (350 * 1024, "350\N{NO-BREAK SPACE}kB"),
        (1010 * 1024, "0.986\N{NO-BREAK SPACE}MB"),
    ],
)
def test_sizes(count: int, said: str) -> None:
    assert filters.byte_size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(90, "90 seconds"), (3600, "60 minutes"), (9000, "2.5 hours")]
)
def test_lengths(seconds: int, said: str) -> None:
    assert status_text.duration_text(seconds) == said


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=70), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=2), "2 days ago"),
    ],
)
def test_moments(before: timedelta, said: str) -> None:
    assert filters.time_since((datetime.now(UTC) - before).isoformat()) == said


def test_a_moment_long_ago_is_a_date() -> None:
    assert filters.time_since("2024-05-03T10:00:00+00:00") == "on 3 May 2024"


def test_a_day_is_named_with_another_year() -> None:
    now = datetime.now(UTC)
    assert filters.day(f"{now.year}-12-07T10:00:00+00:00") == "7 December"
    assert filters.day("2024-05-03T10:00:00+00:00") == "3 May 2024"


def test_lengths_of_videos_are_as_players_show_them() -> None:
    assert [filters.clock(each) for each in (5.04, 59.6, 3723)] == ["0:05", "1:00", "1:02:03"]
