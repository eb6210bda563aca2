"""What a worker finds in an upload before its job: the same, and the job does not search again."""

from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from PIL import Image

from face_detection.cache import DetectionCache
from jobs import face_search
from jobs.choices import VoiceChoice
from jobs.records import FaceSearch
from jobs.service import Jobs
from jobs.settings import Settings
from media.errors import unreadable
from rendering.detect import cached_detections, detections_key
from rendering.models import detector_for
from workers.face_search import claim, find_faces, finish
from workers.job_spec import local_source


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    jobs = Jobs(Settings(var_dir=tmp_path / "var", broker_url="memory://", segment_seconds=0.2))
    jobs.database.migrate()
    return jobs


def search(jobs: Jobs, file: Path) -> FaceSearch:
    """The search in a file as a worker leaves it."""
    upload = jobs.create_upload("me", file, file.name)
    face_search.request(jobs, upload.id)
    assert claim(jobs, upload.id)
    assert claim(jobs, upload.id) is None  # one message too many
    finish(jobs, upload.id, find_faces(jobs, upload))
    return face_search.get(jobs, upload.id)


def test_the_faces_of_a_picture_are_numbered_as_in_its_job(
    jobs: Jobs, pair: Path, short_voice: Path
) -> None:
    found = search(jobs, pair)
    assert (found.state, found.searched, found.error) == ("done", 1, None)
    assert found.faces
    assert [face["id"] for face in found.faces] == [1, 2]
    left, right = (face["box"] for face in found.faces)
    assert left[2] < 300 < right[0]
    voice = jobs.create_upload("me", short_voice, "voice.wav")
    job = jobs.create_job("me", found.upload_id, [VoiceChoice(voice.id)])
    cache = DetectionCache(jobs.storage.address(f"detections/{job.source.sha256}"))
    with local_source(jobs, job) as source:
        key = detections_key(source, detector_for(source, jobs.settings.detector))
        known = cached_detections(cache, key, 0, 1)
    assert known is not None
    assert len(known.faces[0]) == 2


def test_of_a_video_the_beginning_is_searched(jobs: Jobs, film: Path) -> None:
    found = search(jobs, film)
    assert found.faces
    assert (len(found.faces), found.searched) == (1, 5)


def test_that_there_is_no_face_is_an_answer(jobs: Jobs, tmp_path: Path) -> None:
    Image.new("RGB", (160, 120), (120, 160, 220)).save(tmp_path / "sky.png")
    found = search(jobs, tmp_path / "sky.png")
    assert found.error
    assert (found.state, found.faces, found.error["code"]) == ("done", [], "no-face-found")
    assert "box" in found.error["remedy"]
    assert "--" not in found.error["remedy"]


def test_what_is_not_wanted_any_more_is_not_begun_nor_written_down(
    jobs: Jobs, astronaut_file: Path
) -> None:
    upload = jobs.create_upload("me", astronaut_file, "astronaut.png")
    face_search.request(jobs, upload.id)
    face_search.cancel(jobs, upload.id)
    assert claim(jobs, upload.id) is None
    finish(jobs, upload.id, find_faces(jobs, upload))
    with jobs.database.read() as session:
        assert session.get(FaceSearch, upload.id) is None


@pytest.mark.parametrize(
    ("error", "code", "reliable"),
    [
        (FileNotFoundError(), "file-gone", True),
        (SoftTimeLimitExceeded(), "took-too-long", False),
        (unreadable(), "unreadable-media", True),
        (ZeroDivisionError(), "internal-error", False),
    ],
)
def test_what_goes_wrong_is_written_down(
    jobs: Jobs,
    astronaut_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    reliable: bool,
) -> None:
    from workers import tasks  # opens its queue where VAR_DIR is by now

    def fail(*_: object) -> None:
        raise error

    ended: list[bool] = []
    monkeypatch.setattr(tasks, "open_jobs", lambda: jobs)
    monkeypatch.setattr(tasks, "end_process", lambda: ended.append(True))
    monkeypatch.setattr(tasks.face_search, "find_faces", fail)
    upload = jobs.create_upload("me", astronaut_file, "astronaut.png")
    face_search.request(jobs, upload.id)
    tasks.find_faces(upload.id)
    found = face_search.get(jobs, upload.id)
    assert found.error
    assert (found.state, found.error["code"]) == ("failed", code)
    assert bool(ended) != reliable
