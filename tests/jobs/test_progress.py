"""How far a job is, in its step and as a whole."""

from fractions import Fraction
from typing import Any

import pytest

from jobs import metrics
from jobs.progress import progress
from jobs.records import Job, Segment, Upload, Voice
from jobs.service import Jobs
from media.media_info import MediaInfo


def job(state: str, **done: int) -> Job:
    """A job of a video of 100 frames and a voice of 8 s, and how many frames are done of a step."""
    info = MediaInfo(kind="video", width=64, height=64, fps=Fraction(25), frames=100)
    source = Upload(info=info.to_dict())
    job = Job(state=state, options={"sync_mode": "bounce"}, source=source)
    job.voices = [Voice(start=0.0, duration="8")]
    job.segments = [
        Segment(
            step=step,
            start=0,
            stop={"detect": 100, "link": 100}.get(step, 200),
            state="running",
            done_frames=frames,
            seconds=0.1 * frames,
        )
        for step, frames in done.items()
    ]
    return job


def seen(jobs: Jobs, record: Job) -> dict[str, Any]:
    with jobs.database.read() as session:
        return progress(session, record)


def test_a_step_counts_its_frames_and_measures_its_speed(jobs: Jobs) -> None:
    begun = seen(jobs, job("uploaded"))
    assert (begun["step"], begun["done"], begun["total"], begun["seconds_left"]) == (
        None,
        0,
        0,
        None,
    )
    halfway = seen(jobs, job("rendering", detect=100, link=100, render=50))
    assert (halfway["step"], halfway["done"], halfway["total"]) == ("render", 50, 200)
    assert halfway["seconds_left"] == pytest.approx(15)


def test_the_whole_job_has_one_progress_that_grows(jobs: Jobs) -> None:
    assert seen(jobs, job("detecting", detect=50))["job_seconds_left"] is None  # not known yet
    with jobs.database.write() as session:
        for step, seconds in (("detect", 10.0), ("render", 20.0)):
            metrics.observe_step(session, step, seconds, 100)
    stages = [
        job("uploaded"),
        job("detecting", detect=0),
        job("detecting", detect=90),
        job("detecting", detect=100, link=50),
        job("queued", detect=100, link=100, render=0),
        job("rendering", detect=100, link=100, render=100),
        job("finishing", detect=100, link=100, render=200, stitch=100),
        job("done", detect=100, link=100, render=200, stitch=200),
    ]
    found = [seen(jobs, each) for each in stages]
    # 100 frames of 0.1 s are searched, 200 of 0.2 s rendered; linking and stitching take little.
    expected = (0.0, 0.0, 0.17, 0.19, 0.2, 0.58, 0.98, 1.0)
    fractions = [each["fraction"] for each in found]
    assert fractions == pytest.approx(expected, abs=0.01)
    assert fractions == sorted(fractions)
    left = [each["job_seconds_left"] for each in found]
    assert left[1:7] == pytest.approx([52.5, 43.5, 47, 42, 12, 10], abs=0.5)
    assert (left[0], left[7]) == (None, None)
