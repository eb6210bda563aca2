"""Somebody else speaks in a finished video: nothing that was said before is lost."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.chaining import earlier_speakers, speakers_in_result
from jobs.choices import VoiceChoice
from jobs.records import Job, Person, Upload, Voice
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


LEFT, RIGHT = [10.0, 10.0, 50.0, 60.0], [100.0, 10.0, 140.0, 60.0]


def job_of(boxes: dict[int, list[float]], said: dict[str, int], **source: Any) -> Job:
    """A job that found persons in these boxes, of whom some speak voices of these names."""
    job = Job(id="j", options={"overlay": True}, source=Upload(name="source", **source))
    job.persons = [Person(number=number, box=box) for number, box in boxes.items()]
    job.voices = [Voice(person=number, upload=Upload(name=name)) for name, number in said.items()]
    return job


def test_who_speaks_already_is_known_by_where_the_faces_are() -> None:
    first = job_of({1: LEFT, 2: RIGHT}, {"hers": 1})
    # Numbered the other way, and a few pixels off.
    boxes = {1: [side + 3 for side in RIGHT], 2: [side + 3 for side in LEFT]}
    second = job_of(boxes, {"his": 1}, speakers=speakers_in_result(first))
    assert earlier_speakers(second) == {2: ["hers"]}
    third = job_of({1: LEFT, 2: RIGHT}, {}, speakers=speakers_in_result(second))
    assert earlier_speakers(third) == {1: ["hers"], 2: ["his"]}
    third.options = {"overlay": False}  # nothing of it is heard any more
    assert earlier_speakers(third) == {}


def test_in_a_video_faces_are_compared_at_the_same_time() -> None:
    def previews(left: int, right: int) -> list[dict[str, Any]]:
        """The two change places after a second."""
        places = ((0.0, LEFT, RIGHT), (1.0, RIGHT, LEFT))
        return [
            {
                "time": time,
                "boxes": [{"person": left, "box": one}, {"person": right, "box": other}],
            }
            for time, one, other in places
        ]

    first = job_of({1: LEFT, 2: RIGHT}, {"hers": 2})
    first.previews = previews(left=1, right=2)
    second = job_of({1: LEFT, 2: LEFT}, {}, speakers=speakers_in_result(first))
    second.previews = previews(left=2, right=1)
    assert earlier_speakers(second) == {1: ["hers"]}
