"""Who is next: the pieces of all jobs take turns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.choices import VoiceChoice

BOX = [70.0, 50.0, 190.0, 210.0]


@pytest.mark.slow
def test_a_short_job_does_not_wait_for_a_long_one(
    start_stack: Callable[..., Any], film: Path, short_voice: Path
) -> None:
    stack = start_stack("redis", "light", "engine", "beat", SEGMENT_SECONDS="0.2")
    source = stack.jobs.create_upload("me", film, "film").id
    voice = stack.jobs.create_upload("me", short_voice, "voice").id

    def new_job(times: int) -> str:
        voices = [VoiceChoice(voice, 1, start=0.6 * n) for n in range(times)]
        return str(stack.jobs.create_job("me", source, voices, {"box": BOX}).id)

    def done(job_id: str) -> int:
        return sum(
            s.step == "render" and s.state == "done" for s in stack.jobs.job(job_id).segments
        )

    long_id = new_job(40)
    stack.until("the long one to be at work", lambda: done(long_id) >= 1)
    before, short_id = done(long_id), new_job(1)
    stack.until_state(short_id, "done", "failed")
    assert stack.jobs.job(short_id).state == "done"
    # For each of the short one's three pieces those of the long one that were before it.
    assert done(long_id) - before <= 30
    assert stack.jobs.job(long_id).state == "rendering"
    stack.jobs.cancel(long_id)
