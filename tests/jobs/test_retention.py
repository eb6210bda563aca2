"""What is old or belongs to nobody goes; what is in use, or just being made, stays."""

import os
import time
from pathlib import Path

import pytest

from jobs import disk_space, metrics
from jobs.choices import VoiceChoice
from jobs.records import Job, Segment, Upload
from jobs.retention import DAY, HOUR, expires_at, tidy
from jobs.service import Jobs
from jobs.settings import Settings
from media.errors import NamedError


@pytest.fixture
def source(jobs: Jobs, astronaut_file: Path) -> Upload:
    return jobs.create_upload("me", astronaut_file, "astronaut.png")


@pytest.fixture
def voice(jobs: Jobs, short_voice: Path) -> Upload:
    return jobs.create_upload("me", short_voice, "voice.wav")


@pytest.fixture
def job(jobs: Jobs, source: Upload, voice: Upload, tmp_path: Path) -> Job:
    """A job that is done, with everything that is made for one."""
    job = jobs.create_job("me", source.id, [VoiceChoice(voice.id)])
    store(jobs, f"jobs/{job.id}/persons.csv", tmp_path)
    store(jobs, f"jobs/{job.id}/result.mp4", tmp_path)
    store(jobs, f"detections/{source.sha256}/aa/key/0-1.csv", tmp_path)
    change(jobs, job.id, state="done", result_key=f"jobs/{job.id}/result.mp4")
    return jobs.job(job.id)


def store(jobs: Jobs, key: str, folder: Path) -> None:
    (folder / "file").write_bytes(b"some bytes")
    jobs.storage.put_at(key, folder / "file")


def change(jobs: Jobs, job_id: str, **values: object) -> None:
    with jobs.database.write() as session:
        job = session.get_one(Job, job_id)
        for name, value in values.items():
            setattr(job, name, value)


def kept(jobs: Jobs) -> set[str]:
    return {file.key for file in jobs.storage.find()}


def in_days(days: float) -> float:
    return time.time() + days * DAY


def test_a_job_goes_with_everything_after_its_time(jobs: Jobs, job: Job) -> None:
    assert expires_at(job, jobs.settings) == job.updated + 7 * DAY
    assert len(kept(jobs)) == 5
    assert not any(tidy(jobs, in_days(6.9)).values())
    assert len(kept(jobs)) == 5
    assert tidy(jobs, in_days(7.1))["jobs"] == 1
    assert kept(jobs) == set()
    with pytest.raises(NamedError, match="no such job"):
        jobs.job(job.id)


@pytest.mark.parametrize("state", ["uploaded", "detecting", "queued", "rendering", "finishing"])
def test_a_job_that_works_is_never_too_old(jobs: Jobs, job: Job, state: str) -> None:
    change(jobs, job.id, state=state)
    assert expires_at(jobs.job(job.id), jobs.settings) is None
    tidy(jobs, in_days(100))
    assert len(kept(jobs)) == 5


def test_nothing_goes_where_everything_is_to_be_kept(tmp_path: Path, astronaut_file: Path) -> None:
    jobs = Jobs(Settings(var_dir=tmp_path / "var", retention_days=0, unused_hours=0))
    jobs.database.migrate()
    jobs.create_upload("me", astronaut_file, "astronaut.png")
    tidy(jobs, in_days(10_000))
    assert len(kept(jobs)) == 1


def test_an_upload_nobody_used_goes_and_content_stays_with_its_other_user(
    jobs: Jobs, job: Job, source: Upload, astronaut_file: Path
) -> None:
    twin = jobs.create_upload("you", astronaut_file, "mine.png")
    assert tidy(jobs, time.time() + 25 * HOUR)["uploads"] == 1
    assert jobs.storage.exists(source.key)
    with jobs.database.read() as session:
        assert session.get(Upload, twin.id) is None
        assert session.get(Upload, source.id)


def test_what_has_no_row_goes(jobs: Jobs, job: Job, tmp_path: Path) -> None:
    before = kept(jobs)
    store(jobs, "jobs/nobody/segments/1.mp4", tmp_path)
    store(jobs, "detections/nothing/aa/key/0-1.csv", tmp_path)
    store(jobs, "uploads/ab/abandoned", tmp_path)
    store(jobs, f"jobs/{job.id}/segments/late.mp4", tmp_path)
    tidy(jobs)
    assert kept(jobs) - before == {"uploads/ab/abandoned", f"jobs/{job.id}/segments/late.mp4"}
    tidy(jobs, time.time() + 7 * HOUR)  # they might have been on their way until then
    assert kept(jobs) == before


def test_what_killed_processes_left_in_the_work_folder_goes(jobs: Jobs) -> None:
    old = time.time() - 2 * HOUR
    with jobs.storage.scratch() as held:
        dead = jobs.settings.work_dir / "dead"
        dead.mkdir()
        (dead / "half.mp4").write_bytes(b"half")
        broken_off = jobs.settings.work_dir / "upload-x"
        broken_off.write_bytes(b"half")
        for path in (held, dead, broken_off):
            os.utime(path, (old, old))
        assert tidy(jobs)["scratch"] == 1
        assert sorted(jobs.settings.work_dir.iterdir()) == sorted([held, broken_off])
        tidy(jobs, time.time() + 7 * HOUR)
        assert list(jobs.settings.work_dir.iterdir()) == [held]


def test_a_result_that_is_gone_is_said_and_can_be_made_again(jobs: Jobs, job: Job) -> None:
    with jobs.database.write() as session:
        for step in ("detect", "render", "stitch"):
            part = Segment(job_id=job.id, step=step, index=0, start=0, stop=9, state="done")
            session.add(part)
    jobs.storage.delete(job.result_key or "")
    tidy(jobs)
    lost = jobs.job(job.id)
    assert (lost.state, (lost.error or {})["code"]) == ("failed", "result-gone")
    assert {each.step: each.state for each in lost.segments} == {
        "detect": "done",
        "render": "waiting",
        "stitch": "waiting",
    }
    assert jobs.retry(job.id).state == "uploaded"


def test_what_is_removed_is_counted(jobs: Jobs, job: Job) -> None:
    tidy(jobs, in_days(8))
    with jobs.database.read() as session:
        assert 'mouth_removed_total{what="jobs"} 1' in metrics.counter_lines(session)


def test_a_quota_refuses_an_upload_before_it_is_stored(
    tmp_path: Path, astronaut_file: Path, short_voice: Path
) -> None:
    size = astronaut_file.stat().st_size
    jobs = Jobs(Settings(var_dir=tmp_path / "var", disk_quota_bytes=size + 100))
    jobs.database.migrate()
    jobs.create_upload("me", astronaut_file, "astronaut.png")
    for look in (lambda: None, lambda: tidy(jobs)):  # counted by rows, then by what is there
        look()
        with pytest.raises(NamedError, match="Delete videos") as error:
            jobs.create_upload("me", short_voice, "voice.wav")
        assert error.value.code == "disk-full"
    assert len(kept(jobs)) == 1


def test_uploads_are_refused_while_there_is_still_room_to_work(
    tmp_path: Path, short_voice: Path
) -> None:
    free = disk_space.free_bytes(Settings(var_dir=tmp_path))
    jobs = Jobs(Settings(var_dir=tmp_path / "var", disk_reserve_bytes=2 * free))
    jobs.database.migrate()
    with pytest.raises(NamedError, match="no room left"):
        jobs.create_upload("me", short_voice, "voice.wav")
    disk_space.require_for_work(jobs.settings)
    with pytest.raises(NamedError, match="no room left"):
        disk_space.require_for_work(Settings(var_dir=tmp_path, disk_reserve_bytes=8 * free))
