"""Clocks that are set, and a database that is busy: nothing is lost, nothing done twice."""

import pytest

from tests.faults.conftest import EVERYTHING, World

pytestmark = pytest.mark.slow


def work_on(world: World) -> str:
    """A job of which a segment is at work."""
    world.start(*EVERYTHING)
    job_id = world.new_job(world.recipes[0], times=6)
    world.until("work", lambda: any(s.state == "running" for s in world.jobs.job(job_id).segments))
    return job_id


def assert_done_once(world: World, job_id: str) -> None:
    world.until_state(job_id, "done", "failed")
    job = world.jobs.job(job_id)
    assert (job.state, job.error) == ("done", None)
    assert {segment.attempts for segment in job.segments} == {0}
    assert world.log.read_text().count(f"job-state job={job_id} state=done") == 1


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_is_set_by_an_hour_neither_loses_nor_doubles(
    world: World, jump: float
) -> None:
    job_id = work_on(world)
    world.suffer(clock=jump)
    assert_done_once(world, job_id)


def test_what_was_lost_before_the_clock_was_set_back_is_found_soon(world: World) -> None:
    job_id = work_on(world)
    world.kill("engine")  # its lease would end in an hour from now
    world.suffer(clock=-3600.0)
    world.start("engine")
    world.until_state(job_id, "done", "failed")
    assert world.jobs.job(job_id).state == "done"


@pytest.mark.parametrize("settings", [{"SEGMENT_SECONDS": "2"}])
def test_what_takes_for_ever_is_stopped_by_name_and_can_be_retried(world: World) -> None:
    world.suffer(hang="/segments/")
    world.start(*EVERYTHING)
    job_id = world.new_job(world.recipes[0])
    world.until_state(job_id, "failed", "done")
    assert world.error(job_id) == "took-too-long"
    world.suffer()
    world.jobs.retry(job_id)
    world.until_state(job_id, "failed", "done")
    assert world.error(job_id) is None


def test_a_database_that_is_locked_for_a_while_costs_nothing_but_the_while(world: World) -> None:
    job_id = work_on(world)
    with world.jobs.database.write() as session:
        assert session.connection()
        said = len(world.log.read_text())
        world.until("the lock to be felt", lambda: "locked" in world.log.read_text()[said:])
    assert_done_once(world, job_id)
