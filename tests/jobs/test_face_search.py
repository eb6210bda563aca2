"""A search for faces before a job: asked for once, lost never, gone with its file."""

import time
from pathlib import Path
from typing import Any

import pytest

from jobs import face_search
from jobs.records import FaceSearch, Upload
from jobs.service import Jobs
from media.errors import NamedError


@pytest.fixture
def sent(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uploads that a message was sent for."""
    sent: list[str] = []
    monkeypatch.setattr(jobs.queue, "enqueue", lambda task, id, **_: sent.append(id))
    return sent


@pytest.fixture
def source(jobs: Jobs, astronaut_file: Path) -> Upload:
    return jobs.create_upload("me", astronaut_file, "astronaut.png")


def change(jobs: Jobs, upload: Upload, **values: Any) -> None:
    with jobs.database.write() as session:
        search = session.get_one(FaceSearch, upload.id)
        for name, value in values.items():
            setattr(search, name, value)


def test_it_is_sent_once_however_often_it_is_asked_for(
    jobs: Jobs, source: Upload, sent: list[str]
) -> None:
    for _ in range(3):
        assert face_search.request(jobs, source.id).state == "sent"
    assert sent == [source.id]
    change(jobs, source, state="done", faces=[], searched=1)
    assert face_search.request(jobs, source.id).state == "done"
    assert sent == [source.id]


def test_one_that_failed_is_tried_again_when_asked_for(
    jobs: Jobs, source: Upload, sent: list[str]
) -> None:
    face_search.request(jobs, source.id)
    change(jobs, source, state="failed", error={"code": "file-gone"})
    search = face_search.request(jobs, source.id)
    assert (search.state, search.error) == ("sent", None)
    assert sent == [source.id] * 2


def test_a_sound_has_no_faces_and_what_is_gone_neither(
    jobs: Jobs, source: Upload, short_voice: Path, sent: list[str]
) -> None:
    voice = jobs.create_upload("me", short_voice, "voice.wav")
    for upload_id, code in ((voice.id, "not-a-face-file"), ("0" * 32, "not-found")):
        with pytest.raises(NamedError) as refused:
            face_search.request(jobs, upload_id)
        assert refused.value.code == code
    assert sent == []


def test_a_visitor_has_only_so_many_open(
    jobs: Jobs, source: Upload, astronaut_file: Path, sent: list[str]
) -> None:
    object.__setattr__(jobs.settings, "open_jobs_per_client", 1)
    second = jobs.create_upload("me", astronaut_file, "again.png")
    others = jobs.create_upload("you", astronaut_file, "mine.png")
    face_search.request(jobs, source.id)
    with pytest.raises(NamedError) as refused:
        face_search.request(jobs, second.id)
    assert refused.value.code == "too-many-jobs"
    face_search.request(jobs, others.id)
    change(jobs, source, state="done")
    face_search.request(jobs, second.id)
    assert sent == [source.id, others.id, second.id]


def test_what_is_lost_is_sent_again_and_who_died_is_not_waited_for(
    jobs: Jobs, source: Upload, sent: list[str]
) -> None:
    face_search.request(jobs, source.id)
    face_search.send_lost(jobs, short=True)  # on its way still
    change(jobs, source, lease_until=time.time() - 1)
    face_search.send_lost(jobs, short=False)  # it waits in the queue
    assert sent == [source.id]
    face_search.send_lost(jobs, short=True)
    assert sent == [source.id] * 2
    change(jobs, source, state="running", lease_until=time.time() - 1)
    face_search.send_lost(jobs, short=False)
    search = face_search.get(jobs, source.id)
    assert search.error
    assert (search.state, search.error["code"]) == ("failed", "worker-crashed")


def test_it_goes_with_its_file(jobs: Jobs, source: Upload, sent: list[str]) -> None:
    face_search.request(jobs, source.id)
    jobs.delete_upload(source.id)
    with pytest.raises(NamedError) as gone:
        face_search.get(jobs, source.id)
    assert gone.value.code == "not-found"
