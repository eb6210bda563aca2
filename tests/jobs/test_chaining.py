"""Somebody else speaks in a finished video: nothing that was said before is lost."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.choices import VoiceChoice
from jobs.records import Upload
from jobs.service import Jobs
from media.video_writer import VideoWriter


@pytest.fixture
def result(jobs: Jobs, tmp_path: Path) -> Upload:
    """A second of video that another job made."""
    path = tmp_path / "result.mp4"
    with VideoWriter(path, 64, 64, Fraction(25)) as writer:
        for level in range(25):
            writer.write(np.full((64, 64, 3), level * 10, np.uint8))
    return jobs.create_upload("me", path, "result.mp4", result_of="f" * 32)


@pytest.fixture
def voice(jobs: Jobs, short_voice: Path) -> Upload:
    """Six tenths of a second."""
    return jobs.create_upload("me", short_voice, "voice.wav")


@pytest.mark.parametrize(
    ("start", "options", "mode"),
    [
        (0.0, {"overlay": True}, "silence"),
        (0.4, {"overlay": True}, "silence"),
        (0.5, {"overlay": True}, "freeze"),
        (0.5, {"overlay": True, "sync_mode": "loop"}, "loop"),
        (0.0, {}, "bounce"),
    ],
)
def test_the_longer_of_video_and_voice_is_kept(
    jobs: Jobs, result: Upload, voice: Upload, start: float, options: dict[str, Any], mode: str
) -> None:
    job = jobs.create_job("me", result.id, [VoiceChoice(voice.id, start=start)], options)
    assert job.options["sync_mode"] == mode
    assert job.options["soundtrack_gain"] == 0


def test_other_sources_have_their_own_defaults(jobs: Jobs, voice: Upload, result: Upload) -> None:
    with jobs.database.write() as session:
        session.get_one(Upload, result.id).result_of = None
    job = jobs.create_job("me", result.id, [VoiceChoice(voice.id)], {"overlay": True})
    assert (job.options["sync_mode"], job.options["soundtrack_gain"]) == ("bounce", -6)
