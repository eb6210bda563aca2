from pathlib import Path

import pytest

from jobs.choices import VoiceChoice
from jobs.records import Job, Person, Segment, Upload
from jobs.service import Jobs
from media.errors import NamedError


@pytest.fixture
def source(jobs: Jobs, astronaut_file: Path) -> Upload:
    return jobs.create_upload("me", astronaut_file, "astronaut.png")


@pytest.fixture
def voice(jobs: Jobs, short_voice: Path) -> Upload:
    return jobs.create_upload("me", short_voice, "voice.wav")


def put_in_state(jobs: Jobs, job_id: str, state: str, *persons: int) -> None:
    with jobs.database.write() as session:
        job = session.get_one(Job, job_id)
        job.state = state
        job.persons = [
            Person(number=n, box=[0.0, 0.0, 9.0, 9.0], frame=0, score=1.0, thumbnail_key="t")
            for n in persons
        ]


def test_an_upload_is_known_by_its_bytes_not_its_name(jobs: Jobs, astronaut_file: Path) -> None:
    upload = jobs.create_upload("me", astronaut_file, "../../'quoted'\n.mp3")
    assert (upload.kind, upload.info["width"], upload.info["height"]) == ("image", 512, 512)
    assert upload.name == "../../'quoted'\n.mp3"
    assert upload.key == f"uploads/{upload.sha256[:2]}/{upload.sha256}"
    assert astronaut_file.exists()


def test_a_new_job_is_kept_although_no_broker_answers(
    jobs: Jobs, source: Upload, voice: Upload
) -> None:
    job = jobs.create_job("me", source.id, [VoiceChoice(voice.id)], {"overlay": True}, True)
    assert job.state == "uploaded"
    assert job.consent
    assert job.options["overlay"] is True
    assert [(v.upload_id, v.person, v.duration) for v in job.voices] == [(voice.id, None, "3/5")]


def test_face_and_voice_must_be_what_they_are_said_to_be(
    jobs: Jobs, source: Upload, voice: Upload
) -> None:
    def refusal(source_id: str, *voices: VoiceChoice) -> str:
        with pytest.raises(NamedError) as error:
            jobs.create_job("me", source_id, voices)
        return error.value.code

    assert refusal(voice.id, VoiceChoice(voice.id)) == "not-a-face-file"
    assert refusal(source.id, VoiceChoice(source.id)) == "not-a-voice"
    assert refusal(source.id) == "no-voice"
    assert refusal("unknown", VoiceChoice(voice.id)) == "not-found"
    assert refusal(source.id, VoiceChoice("unknown")) == "not-found"
    assert refusal(source.id, VoiceChoice(voice.id, start=3600)) == "too-long"


def test_the_picker_is_answered_with_a_person_who_is_there(
    jobs: Jobs, source: Upload, voice: Upload
) -> None:
    job = jobs.create_job("me", source.id, [VoiceChoice(voice.id)])
    with pytest.raises(NamedError, match="uploaded cannot be given other voices"):
        jobs.choose_voices(job.id, [VoiceChoice(voice.id, 1)])
    put_in_state(jobs, job.id, "choosing", 1, 2)
    with pytest.raises(NamedError) as error:
        jobs.choose_voices(job.id, [VoiceChoice(voice.id, 3)])
    assert (error.value.code, error.value.remedy) == (
        "no-such-person",
        "Choose one of these: 1, 2.",
    )
    two = [VoiceChoice(voice.id, 2), VoiceChoice(voice.id, 1, start=0.6, gain=-3.0)]
    job = jobs.choose_voices(job.id, two)
    assert [(v.person, v.start, v.gain) for v in job.voices] == [(2, 0.0, 0.0), (1, 0.6, -3.0)]


def test_a_cancelled_job_keeps_its_uploads_and_nothing_else(
    jobs: Jobs, source: Upload, voice: Upload, tmp_path: Path
) -> None:
    job = jobs.create_job("me", source.id, [VoiceChoice(voice.id)])
    put_in_state(jobs, job.id, "rendering", 1)
    (tmp_path / "half").write_bytes(b"half")
    jobs.storage.put_at(f"jobs/{job.id}/segments/0.mp4", tmp_path / "half")
    job = jobs.cancel(job.id)
    assert (job.state, job.segments, job.persons) == ("cancelled", [], [])
    assert not jobs.storage.exists(f"jobs/{job.id}")
    assert jobs.storage.exists(source.key)
    assert jobs.cancel(job.id).state == "cancelled"
    assert jobs.retry(job.id).state == "uploaded"


def test_a_retry_keeps_the_segments_that_are_done(
    jobs: Jobs, source: Upload, voice: Upload
) -> None:
    job = jobs.create_job("me", source.id, [VoiceChoice(voice.id)])
    with pytest.raises(NamedError, match="uploaded cannot be retried"):
        jobs.retry(job.id)
    with jobs.database.write() as session:
        row = session.get_one(Job, job.id)
        row.state, row.error = "failed", {"code": "worker-crashed"}
        row.segments = [
            Segment(step="render", index=0, start=0, stop=9, state="done"),
            Segment(step="render", index=1, start=9, stop=15, state="waiting", attempts=3),
        ]
    job = jobs.retry(job.id)
    assert (job.state, job.error) == ("uploaded", None)
    assert [(s.state, s.attempts) for s in job.segments] == [("done", 0), ("waiting", 0)]


def test_content_goes_with_its_last_user(
    jobs: Jobs, source: Upload, voice: Upload, astronaut_file: Path, short_voice: Path
) -> None:
    twin = jobs.create_upload("you", astronaut_file, "mine.png")
    sound = jobs.create_upload("you", short_voice, "mine.wav")
    mine = jobs.create_job("me", source.id, [VoiceChoice(voice.id)])
    yours = jobs.create_job("you", twin.id, [VoiceChoice(sound.id)])
    with pytest.raises(NamedError, match="cannot be left without it"):
        jobs.delete_upload(source.id)
    jobs.delete(mine.id)
    assert jobs.storage.exists(twin.key)
    assert jobs.storage.exists(voice.key)
    jobs.delete(yours.id)
    assert not jobs.storage.exists(twin.key)
    assert not jobs.storage.exists(voice.key)
    with pytest.raises(NamedError, match="no such job"):
        jobs.job(yours.id)


def test_only_an_owner_can_use_an_upload(jobs: Jobs, source: Upload, voice: Upload) -> None:
    mine = jobs.create_upload("you", Path(jobs.storage.root) / source.key, "mine.png")
    for source_id in (source.id, mine.id):
        with pytest.raises(NamedError, match="no such upload"):
            jobs.create_job("you", source_id, [VoiceChoice(voice.id)])
