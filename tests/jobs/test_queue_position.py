"""What a job is told of its turn."""

import time
from pathlib import Path

import pytest

from jobs import metrics
from jobs.choices import VoiceChoice
from jobs.queue_position import QueuePosition, queue_position
from jobs.records import Job, Segment, Worker
from jobs.service import Jobs


@pytest.fixture
def film(jobs: Jobs, astronaut_file: Path, short_voice: Path) -> Job:
    """A long job: one segment at work, of which 20 of 100 frames are done, and one sent."""
    return new_job(jobs, astronaut_file, short_voice, ("running", 20), ("sent", 0), ("waiting", 0))


def new_job(jobs: Jobs, face: Path, voice: Path, *segments: tuple[str, int]) -> Job:
    source = jobs.create_upload("me", face, "face.png")
    sound = jobs.create_upload("me", voice, "voice.wav")
    job_id = jobs.create_job("me", source.id, [VoiceChoice(sound.id)]).id
    with jobs.database.write() as session:
        job = session.get_one(Job, job_id)
        job.state = "queued"
        job.segments = [
            Segment(
                step="render",
                index=index,
                start=100 * index,
                stop=100 * index + 100,
                state=state,
                done_frames=done,
                lease_until=time.time() + 10,
            )
            for index, (state, done) in enumerate(segments)
        ]
    return jobs.job(job_id)


def looked_up(jobs: Jobs, job: Job) -> QueuePosition | None:
    with jobs.database.read() as session:
        return queue_position(session, jobs.job(job.id))


def test_whoever_is_alone_is_next(jobs: Jobs, astronaut_file: Path, short_voice: Path) -> None:
    job = new_job(jobs, astronaut_file, short_voice, ("sent", 0), ("waiting", 0))
    assert looked_up(jobs, job) == QueuePosition(1, 0.0)


def test_a_short_job_waits_for_what_was_sent_before_not_for_the_whole_film(
    jobs: Jobs, film: Job, astronaut_file: Path, short_voice: Path
) -> None:
    short = new_job(jobs, astronaut_file, short_voice, ("sent", 0))
    assert looked_up(jobs, short) == QueuePosition(2, None)  # no speed is known yet
    with jobs.database.write() as session:
        metrics.observe_step(session, "render", seconds=10.0, frames=100)
    assert looked_up(jobs, short) == QueuePosition(2, pytest.approx(18.0))
    with jobs.database.write() as session:
        for number in range(2):
            worker = Worker(name=f"engine@{number}", part="engine", seen=time.time(), memory=1)
            session.add(worker)
    assert looked_up(jobs, short) == QueuePosition(2, pytest.approx(9.0))


def test_a_job_at_work_or_at_rest_does_not_wait(jobs: Jobs, film: Job) -> None:
    assert looked_up(jobs, film) is None
    jobs.cancel(film.id)
    assert looked_up(jobs, film) is None
