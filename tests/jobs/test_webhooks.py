"""What is to be told is written down with the change itself."""

import hashlib
import hmac
from itertools import takewhile
from pathlib import Path

import pytest

from jobs.choices import VoiceChoice
from jobs.records import Job, Person
from jobs.service import Jobs
from jobs.webhooks import MAX_ATTEMPTS, Webhook, retry_delay, signature
from media.errors import NamedError

HOOK = Webhook("https://hooks.example.com/mouth", "s" * 32)


@pytest.fixture
def job(jobs: Jobs, astronaut_file: Path, short_voice: Path) -> Job:
    face = jobs.create_upload("me", astronaut_file, "face.png")
    voice = jobs.create_upload("me", short_voice, "voice.wav")
    return jobs.create_job("me", face.id, [VoiceChoice(voice.id)], webhook=HOOK)


def move(jobs: Jobs, job: Job, *states: str) -> list[str]:
    """Bring a job to one state after the other; all that is to be told of it."""
    for state in states:
        with jobs.database.write() as session:
            session.get_one(Job, job.id).state = state
    return [delivery.event for delivery in jobs.job(job.id).deliveries]


def test_states_that_somebody_waits_for_are_told_once_each(jobs: Jobs, job: Job) -> None:
    assert move(jobs, job, "detecting", "choosing", "choosing") == ["job.choosing"]
    assert move(jobs, job, "queued", "rendering", "finishing", "done", "done") == [
        "job.choosing",
        "job.done",
    ]


def test_cancelling_and_failing_are_told_however_they_come_about(jobs: Jobs, job: Job) -> None:
    jobs.cancel(job.id)
    jobs.retry(job.id)
    assert move(jobs, job, "detecting", "failed") == ["job.cancelled", "job.failed"]


def test_an_answer_after_a_failure_is_no_question(jobs: Jobs, job: Job) -> None:
    with jobs.database.write() as session:
        row = session.get_one(Job, job.id)
        row.state, row.error = "failed", {"code": "no-such-person"}
        row.persons = [Person(number=1, box=[0, 0, 9, 9], frame=0, score=1.0, thumbnail_key="t")]
    jobs.choose_voices(job.id, [VoiceChoice(job.voices[0].upload_id, person=1)])
    assert [each.event for each in jobs.job(job.id).deliveries] == ["job.failed"]


def test_what_never_happened_is_not_told(jobs: Jobs, job: Job) -> None:
    def fail_half_way() -> None:
        with jobs.database.write() as session:
            session.get_one(Job, job.id).state = "done"
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert move(jobs, job) == []


def test_what_was_to_be_told_goes_with_the_job(jobs: Jobs, job: Job) -> None:
    move(jobs, job, "done")
    jobs.delete(job.id)
    with pytest.raises(NamedError, match="no such job"):
        jobs.job(job.id)


def test_a_job_without_a_webhook_tells_nobody(jobs: Jobs, job: Job) -> None:
    voices = [VoiceChoice(job.voices[0].upload_id)]
    quiet = jobs.create_job("me", job.source_id, voices)
    assert move(jobs, quiet, "done") == []


def test_a_secret_is_neither_short_nor_endless(jobs: Jobs, job: Job) -> None:
    for secret in ("short", "", "x" * 256):
        with pytest.raises(NamedError, match="secret"):
            Webhook(HOOK.url, secret).record("")
    assert Webhook(HOOK.url).record("") == {"url": HOOK.url, "secret": None}


def test_the_signature_is_an_hmac_over_time_and_body() -> None:
    expected = hmac.new(b"secret", b"1700000000." + b'{"id": 1}', hashlib.sha256).hexdigest()
    assert signature("secret", b'{"id": 1}', 1_700_000_000) == f"t=1700000000,v1={expected}"


def test_tries_get_rarer_and_end_after_eleven_hours() -> None:
    waits = list(takewhile(lambda seconds: seconds is not None, map(retry_delay, range(1, 20))))
    assert waits[:4] == [10, 30, 90, 270]
    assert waits == sorted(waits)
    assert len(waits) + 1 == MAX_ATTEMPTS
    assert sum(waits) == pytest.approx(11 * 3600, rel=0.01)
