"""No room, and no disk, at every stage of a job: it says so, and goes on when that is mended."""

import time
from itertools import product
from pathlib import Path

import pytest

from jobs.retention import tidy
from tests.faults.campaign import LATER
from tests.faults.conftest import EVERYTHING, World, fill

pytestmark = pytest.mark.slow
ID = "[0-9a-f]{32}"
# Where each stage writes first.
STAGES = {
    "detect": "/media/detections/",
    "link": f"/media/jobs/{ID}/.*(jpg|csv)",
    "render": "/segments/",
    "stitch": f"/media/jobs/{ID}/{ID}.mp4",
}
NAMES = {"ENOSPC": "disk-full", "EROFS": "storage-unavailable"}


def test_a_disk_that_takes_nothing_stops_each_stage_by_name(world: World) -> None:
    world.start(*EVERYTHING)
    _, found, film = world.recipes
    for (stage, place), (errno, code) in product(STAGES.items(), NAMES.items()):
        world.suffer(errno=errno, matching=place)
        job_id = world.new_job(film if stage == "detect" else found)
        world.until_state(job_id, "failed", "done")
        assert (stage, world.error(job_id)) == (stage, code)
        done = {s.step for s in world.jobs.job(job_id).segments if s.state == "done"}
        world.suffer()
        world.jobs.retry(job_id)
        world.until_state(job_id, "failed", "done")
        assert (stage, world.error(job_id)) == (stage, None)
        assert stage not in done
        world.jobs.delete(job_id)
        world.jobs.storage.delete_folder("detections")  # which would spare the next its search
    world.stop()
    tidy(world.jobs, time.time() + LATER)
    assert [file.key for file in world.jobs.storage.find()] == []
    assert list(world.jobs.settings.work_dir.iterdir()) == []


def test_a_disk_that_is_really_full_stops_a_job_by_name(small_disk: Path, tmp_path: Path) -> None:
    """The database is elsewhere, so that the story can be told."""
    world = World(
        tmp_path,
        VAR_DIR=str(small_disk / "var"),
        DATABASE_URL=f"sqlite:///{tmp_path}/jobs.db",
        DISK_RESERVE_BYTES="0",
    )
    try:
        world.start(*EVERYTHING)
        job_id = world.new_job(world.recipes[2])
        filler = small_disk / "filler"
        fill(filler)
        world.until_state(job_id, "failed", "done")
        assert world.error(job_id) == "disk-full"
        filler.unlink()
        world.jobs.retry(job_id)
        world.until_state(job_id, "failed", "done")
        assert world.error(job_id) is None
    finally:
        world.stop()


def test_files_that_vanish_are_made_again(world: World) -> None:
    """Somebody cleared up by hand."""
    world.start(*EVERYTHING)
    job_id = world.new_job(world.recipes[1], times=3)
    world.until(
        "two segments",
        lambda: sum(s.step == "render" and s.state == "done" for s in segments(world, job_id)) >= 2,
    )
    world.jobs.storage.delete_folder(f"jobs/{job_id}")
    world.until_state(job_id, "failed", "done")
    assert world.error(job_id) is None


def test_an_upload_that_vanished_is_said(world: World) -> None:
    world.start("redis")
    job_id = world.new_job(world.recipes[0])
    world.jobs.storage.delete(world.jobs.job(job_id).source.key)
    world.start("light", "engine", "beat")
    world.until_state(job_id, "failed", "done")
    assert world.error(job_id) == "file-gone"


def segments(world: World, job_id: str) -> list:  # type: ignore[type-arg]
    return world.jobs.job(job_id).segments
