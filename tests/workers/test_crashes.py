"""Real Redis, real workers, and what befalls them: no job is lost, and none is done twice."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from jobs.choices import VoiceChoice
from jobs.queue import socket_path
from jobs.retention import tidy
from media.probe import probe
from media.video import read_frames

Start = Callable[..., Any]  # Stack of conftest.py

pytestmark = pytest.mark.slow
EVERYTHING = ("redis", "light", "engine", "beat")


def new_job(stack, face: Path, voice: Path, *persons: int | None, times: int = 1, **options):
    source = stack.jobs.create_upload("me", face, face.name)
    sound = stack.jobs.create_upload("me", voice, voice.name)
    voices = [
        VoiceChoice(sound.id, person, start=0.6 * n)
        for n in range(times)
        for person in persons or (None,)
    ]
    return stack.jobs.create_job("me", source.id, voices, options).id


def frames_of(stack, job_id: str) -> np.ndarray:
    job = stack.jobs.job(job_id)
    with stack.jobs.storage.local(job.result_key) as path:
        assert probe(path).has_audio
        return np.stack(list(read_frames(path)))


def rendered(stack, job_id: str) -> int:
    segments = stack.jobs.job(job_id).segments
    return sum(s.step == "render" and s.state == "done" for s in segments)


def is_running(stack, job_id: str, step: str) -> bool:
    return any(s.step == step and s.state == "running" for s in stack.jobs.job(job_id).segments)


def test_a_job_survives_everything(start_stack: Start, pair: Path, short_voice: Path) -> None:
    stack = start_stack(*EVERYTHING, SEGMENT_SECONDS="0.4")
    undisturbed = new_job(stack, pair, short_voice, 1, times=4)
    stack.until_state(undisturbed, "done", "failed")
    expected = frames_of(stack, undisturbed)

    job_id = new_job(stack, pair, short_voice, 1, times=4)
    stack.until("a segment at work", lambda: is_running(stack, job_id, "render"))
    stack.kill_child("engine")
    with redis.Redis(unix_socket_path=str(socket_path(stack.jobs.settings))) as client:
        client.flushall()
    stack.until("two segments", lambda: rendered(stack, job_id) >= 2)
    stack.kill("redis")
    stack.start("redis")
    stack.until("a segment after that", lambda: rendered(stack, job_id) >= 4)
    stack.kill("engine")
    stack.kill("light")
    stack.start("light", "engine")
    stack.until_state(job_id, "done", "failed")

    job = stack.jobs.job(job_id)
    assert (job.state, job.error) == ("done", None)
    assert all(segment.state == "done" for segment in job.segments)
    assert np.array_equal(frames_of(stack, job_id), expected)
    files = stack.jobs.storage.files.find(stack.jobs.storage.root + f"/jobs/{job_id}")
    assert sorted(Path(file).name for file in files) == sorted(
        [
            "person-1.jpg",
            "person-2.jpg",
            "persons.csv",
            "picture.jpg",
            Path(job.result_key).name,
        ]
    )


def test_a_program_that_is_stopped_goes_on_where_it_was(
    start_stack: Start, pair: Path, short_voice: Path
) -> None:
    stack = start_stack(*EVERYTHING, SEGMENT_SECONDS="0.4", LEASE_SECONDS="600")
    job_id = new_job(stack, pair, short_voice, 1, times=4)
    stack.until("a segment", lambda: rendered(stack, job_id) >= 1)
    stack.until("the next", lambda: is_running(stack, job_id, "render"))
    stack.stop()
    render = [s for s in stack.jobs.job(job_id).segments if s.step == "render"]
    assert {segment.state for segment in render} <= {"done", "sent", "waiting"}
    assert {segment.attempts for segment in render} == {0}
    assert any(segment.state == "waiting" for segment in render)
    stack.start(*EVERYTHING)
    stack.until_state(job_id, "done", "failed")
    assert len(frames_of(stack, job_id)) == 60


def test_what_kills_its_worker_three_times_fails_and_can_be_retried(
    start_stack: Start, film: Path, short_voice: Path
) -> None:
    stack = start_stack(*EVERYTHING, LEASE_SECONDS="1")
    job_id = new_job(stack, film, short_voice, times=3)
    for attempt in (1, 2, 3):
        stack.until("detection", lambda: is_running(stack, job_id, "detect"))
        stack.kill_child("engine")
        stack.until(
            "the loss to be noticed",
            lambda attempt=attempt: stack.jobs.job(job_id).segments[0].attempts == attempt,
        )
    stack.until_state(job_id, "failed")
    error = stack.jobs.job(job_id).error
    assert error
    assert error["code"] == "worker-crashed"
    stack.jobs.retry(job_id)
    stack.until_state(job_id, "done", "failed")
    assert stack.jobs.job(job_id).state == "done"


def test_a_cancelled_job_frees_the_worker(
    start_stack: Start, pair: Path, short_voice: Path
) -> None:
    stack = start_stack(*EVERYTHING)
    job_id = new_job(stack, pair, short_voice, 1, times=20)
    stack.until(
        "frames of a segment",
        lambda: any(s.step == "render" and s.done_frames for s in stack.jobs.job(job_id).segments),
    )
    stack.jobs.cancel(job_id)
    next_id = new_job(stack, pair, short_voice, 2)
    stack.until_state(next_id, "done", "failed")
    assert stack.jobs.job(next_id).state == "done"
    assert stack.jobs.job(job_id).state == "cancelled"
    assert not stack.jobs.storage.exists(f"jobs/{job_id}")
    # A process that had to be ended leaves its folder behind, which nobody holds.
    tidy(stack.jobs, time.time() + 3600)
    assert list(stack.jobs.settings.work_dir.iterdir()) == []


def test_two_jobs_at_once_get_their_own_results(
    stack: Any, pair: Path, film: Path, short_voice: Path
) -> None:
    asking = new_job(stack, pair, short_voice)
    moving = new_job(stack, film, short_voice)
    stack.until_state(asking, "choosing", "failed")
    job = stack.jobs.job(asking)
    assert [person.number for person in job.persons] == [1, 2]
    assert job.persons[0].box[2] < 300 < job.persons[1].box[0]
    stack.jobs.choose_voices(asking, [VoiceChoice(job.voices[0].upload_id, 2)])
    for job_id in (asking, moving):
        stack.until_state(job_id, "done", "failed")
    assert frames_of(stack, asking).shape == (15, 300, 600, 3)
    assert frames_of(stack, moving).shape == (15, 300, 300, 3)


def test_a_picture_without_a_face_fails_by_name_and_is_kept(
    stack: Any, tmp_path: Path, short_voice: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")
    job_id = new_job(stack, tmp_path / "white.png", short_voice)
    stack.until_state(job_id, "failed", "done")
    job = stack.jobs.job(job_id)
    assert job.error
    assert job.error["code"] == "no-face-found"
    assert stack.jobs.storage.exists(job.source.key)
