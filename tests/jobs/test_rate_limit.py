import threading

import pytest
import sqlalchemy as sa

from jobs import rate_limit
from jobs.records import RateLimitWindow
from jobs.service import Jobs


def times_allowed(jobs: Jobs, name: str, tries: int, most: int) -> int:
    allowed = 0
    for _ in range(tries):
        try:
            rate_limit.count(jobs.database, name, most, "It was done")
        except rate_limit.RetryLater:
            continue
        allowed += 1
    return allowed


def test_each_name_is_counted_for_itself(jobs: Jobs) -> None:
    assert times_allowed(jobs, "one", tries=5, most=3) == 3
    assert times_allowed(jobs, "two", tries=2, most=3) == 2
    assert times_allowed(jobs, "three", tries=9, most=0) == 9  # no limit


def test_who_must_wait_is_told_how_long(jobs: Jobs) -> None:
    rate_limit.count(jobs.database, "one", 1, "It was done", window=90)
    with pytest.raises(
        rate_limit.RetryLater, match=r"It was done too often from here. Try again in 2"
    ) as wait:
        rate_limit.count(jobs.database, "one", 1, "It was done", window=90)
    assert 80 < wait.value.seconds <= 90


def test_a_new_window_begins_from_one(jobs: Jobs) -> None:
    assert times_allowed(jobs, "one", tries=3, most=2) == 2
    with jobs.database.write() as session:
        session.execute(sa.update(RateLimitWindow).values(until=RateLimitWindow.until - 3601))
    assert times_allowed(jobs, "one", tries=3, most=2) == 2


def test_what_is_long_over_is_not_kept(jobs: Jobs) -> None:
    rate_limit.count(jobs.database, "old", 1, "It was done")
    with jobs.database.write() as session:
        session.execute(sa.update(RateLimitWindow).values(until=0.0))
    rate_limit.count(jobs.database, "new", 1, "It was done")
    with jobs.database.read() as session:
        assert session.scalars(sa.select(RateLimitWindow.name)).all() == ["new"]


def test_many_at_once_do_not_slip_through(jobs: Jobs) -> None:
    allowed: list[int] = []

    def knock() -> None:
        allowed.append(times_allowed(jobs, "door", tries=5, most=7))

    threads = [threading.Thread(target=knock) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 7
