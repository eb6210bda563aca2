"""Webhooks are carried out: signed, at least once, again if nobody answers, and to nobody else."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jobs import webhooks
from jobs.choices import VoiceChoice
from jobs.records import Delivery, Job
from jobs.service import Jobs
from jobs.settings import Settings
from jobs.webhooks import MAX_ATTEMPTS, Webhook, signature
from tests.stack import Stack
from workers import webhook_transport
from workers.webhook_sender import WebhookSender, claim

from .receiver import Receiver, certify

SECRET = "a secret of enough characters"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    jobs = Jobs(Settings(var_dir=tmp_path / "var", webhook_allow="localhost"))
    jobs.database.migrate()
    return jobs


@pytest.fixture
def done(jobs: Jobs, astronaut_file: Path, short_voice: Path) -> Callable[..., Job]:
    """A job that tells `url` that it is done."""

    def done(url: str, secret: str | None = SECRET, owner: str = "me") -> Job:
        face = jobs.create_upload(owner, astronaut_file, "face.png")
        voice = jobs.create_upload(owner, short_voice, "voice.wav")
        hook = Webhook(url, secret)
        job = jobs.create_job(owner, face.id, [VoiceChoice(voice.id)], webhook=hook)
        with jobs.database.write() as session:
            session.get_one(Job, job.id).state = "done"
        return job

    return done


def deliveries(jobs: Jobs, job: Job) -> list[Delivery]:
    return jobs.job(job.id).deliveries


def let_time_pass(jobs: Jobs) -> None:
    """All that waits is due."""
    with jobs.database.write() as session:
        for row in session.query(Delivery).where(Delivery.due.is_not(None)):
            row.due = time.time()


def test_a_program_is_told_once_and_can_check_who_tells_it(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    job = done(receiver.url)
    sender = WebhookSender(jobs)
    assert sender.deliver()
    assert not sender.deliver()
    ((path, headers, body),) = receiver.received
    assert path == "/hook?x=1"
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    assert headers["Content-Type"] == "application/json"
    seconds = int(headers["X-Mouth-Signature"].split(",")[0].removeprefix("t="))
    assert abs(time.time() - seconds) < 60
    assert headers["X-Mouth-Signature"] == signature(SECRET, body, seconds)
    told: dict[str, Any] = json.loads(body)
    assert told["event"] == headers["X-Mouth-Event"] == "job.done"
    assert told["job"]["id"] == job.id
    assert told["job"]["result"] == f"/api/v1/jobs/{job.id}/result"
    assert SECRET.encode() not in body
    (delivery,) = deliveries(jobs, job)
    assert told["id"] == headers["X-Mouth-Delivery"] == delivery.id
    assert delivery.delivered
    assert (delivery.due, delivery.error, delivery.attempts) == (None, None, 1)


def test_without_a_secret_nothing_is_signed(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    done(receiver.url, secret=None)
    WebhookSender(jobs).deliver()
    assert "X-Mouth-Signature" not in receiver.received[0][1]


def test_what_was_not_taken_is_sent_again_later_under_the_same_id(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    receiver.statuses = [503, 302]
    job = done(receiver.url)
    sender = WebhookSender(jobs)
    for attempt, status in enumerate((503, 302), start=1):
        assert sender.deliver()
        assert not sender.deliver(), "not before its time"
        (delivery,) = deliveries(jobs, job)
        assert delivery.due is not None
        assert delivery.due - time.time() == pytest.approx(webhooks.retry_delay(attempt), abs=5)
        assert delivery.error["code"] == "webhook-refused"
        assert str(status) in delivery.error["message"]
        let_time_pass(jobs)
    sender.deliver()
    assert {json.loads(body)["id"] for _, _, body in receiver.received} == {delivery.id}
    assert len(receiver.received) == 3
    assert deliveries(jobs, job)[0].delivered


def test_it_is_given_up_at_last_and_that_can_be_seen(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    receiver.statuses = [500] * (MAX_ATTEMPTS + 5)
    job = done(receiver.url)
    while WebhookSender(jobs).deliver():
        let_time_pass(jobs)
    assert len(receiver.received) == MAX_ATTEMPTS
    (delivery,) = deliveries(jobs, job)
    assert (delivery.attempts, delivery.due, delivery.delivered) == (MAX_ATTEMPTS, None, None)


def test_a_receiver_that_is_gone_for_good_is_left_alone(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    receiver.statuses = [410]
    job = done(receiver.url)
    WebhookSender(jobs).deliver()
    assert deliveries(jobs, job)[0].due is None


def test_an_answer_that_drips_for_ever_is_cut_off(
    jobs: Jobs,
    receiver: Receiver,
    done: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook_transport, "ALL", 0.3)
    receiver.statuses = [None]
    job = done(receiver.url)
    WebhookSender(jobs).deliver()
    (delivery,) = deliveries(jobs, job)
    assert delivery.error["code"] == "webhook-unreachable"
    assert "0.3 seconds" in delivery.error["message"]


def test_nobody_is_there(jobs: Jobs, receiver: Receiver, done: Callable[..., Job]) -> None:
    job = done(receiver.url)
    receiver.server_close()
    WebhookSender(jobs).deliver()
    assert deliveries(jobs, job)[0].error["code"] == "webhook-unreachable"


@pytest.mark.parametrize(
    ("url", "code"),
    [("https://localhost:8443/", "webhook-not-allowed"), ("http://localhost/", "bad-webhook")],
)
def test_an_address_that_is_not_allowed_any_more_is_not_called(
    jobs: Jobs, done: Callable[..., Job], tmp_path: Path, url: str, code: str
) -> None:
    """As after a change of the name's records, or of the operator's mind."""
    job = done(url)
    strict = Jobs(Settings(var_dir=tmp_path / "var"))
    WebhookSender(strict).deliver()
    assert deliveries(jobs, job)[0].error["code"] == code


@pytest.mark.parametrize(("name", "code"), [("localhost", None), ("elsewhere.example", "un")])
def test_a_certificate_must_be_for_that_host(
    jobs: Jobs,
    done: Callable[..., Job],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: str | None,
) -> None:
    certificate = certify(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    webhook_transport._trust.cache_clear()
    with Receiver(certificate) as receiver:
        job = done(receiver.url)
        WebhookSender(jobs).deliver()
    webhook_transport._trust.cache_clear()
    (delivery,) = deliveries(jobs, job)
    if code is None:
        assert delivery.delivered
        assert receiver.received[0][1]["Host"].startswith("localhost:")
    else:
        assert "secure connection" in delivery.error["message"]
        assert receiver.received == []


def test_a_try_that_was_never_settled_is_made_again(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    """The process was killed in the middle of it."""
    job = done(receiver.url)
    assert claim(jobs) is not None
    assert claim(jobs) is None, "it is leased"
    let_time_pass(jobs)
    WebhookSender(jobs).deliver()
    assert deliveries(jobs, job)[0].attempts == 2


def test_what_kills_every_try_is_given_up_too(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    job = done(receiver.url)
    for _ in range(MAX_ATTEMPTS):
        assert claim(jobs) is not None
        let_time_pass(jobs)
    assert claim(jobs) is None
    assert deliveries(jobs, job)[0].due is None


def test_a_clock_that_was_set_back_delays_nothing_for_long(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    job = done(receiver.url)
    with jobs.database.write() as session:
        session.get_one(Delivery, deliveries(jobs, job)[0].id).due = time.time() + 10 * 86_400
    assert WebhookSender(jobs).deliver()


def test_a_slow_server_of_one_owner_delays_no_other(
    jobs: Jobs, receiver: Receiver, done: Callable[..., Job]
) -> None:
    mine = [done(receiver.url, owner="me") for _ in range(2)]
    other = done(receiver.url, owner="other")
    first = claim(jobs)
    assert first is not None
    assert first.job.id == mine[0].id
    second = claim(jobs, busy={"me"})
    assert second is not None
    assert second.job.id == other.id


@pytest.mark.slow
def test_it_is_told_by_the_process_that_keeps_the_clock_even_after_that_was_killed(
    start_stack: Callable[..., Stack],
    receiver: Receiver,
    astronaut_file: Path,
    short_voice: Path,
) -> None:
    stack = start_stack("redis", "beat", WEBHOOK_ALLOW="localhost")
    jobs = stack.jobs
    face = jobs.create_upload("me", astronaut_file, "face.png")
    voice = jobs.create_upload("me", short_voice, "voice.wav")
    told = Webhook(receiver.url, SECRET)
    first = jobs.create_job("me", face.id, [VoiceChoice(voice.id)], webhook=told)
    jobs.cancel(first.id)
    stack.until("the first is told", lambda: len(receiver.received) == 1)
    stack.kill("beat")
    second = jobs.create_job("me", face.id, [VoiceChoice(voice.id)], webhook=told)
    jobs.cancel(second.id)
    stack.start("beat")
    stack.until("the second is told", lambda: len(receiver.received) == 2)
    heard = [json.loads(body)["job"]["id"] for _, _, body in receiver.received]
    assert heard == [first.id, second.id]


def until_somebody_listens(port: int, program: subprocess.Popen[str]) -> None:
    while program.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            with suppress(subprocess.TimeoutExpired):
                program.wait(timeout=0.05)
        else:
            return
    pytest.fail("the receiver of the documentation does not start")


def test_the_receiver_of_the_documentation_believes_only_what_is_genuine(
    jobs: Jobs, done: Callable[..., Job], free_port: int
) -> None:
    command = [sys.executable, "docs/receiver.py", str(free_port)]
    environment = {**os.environ, "SECRET": SECRET}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as program:
        try:
            until_somebody_listens(free_port, program)
            genuine = done(f"http://localhost:{free_port}/")
            forged = done(f"http://localhost:{free_port}/", secret="x" * 32)
            sender = WebhookSender(jobs)
            while sender.deliver():
                pass
            assert deliveries(jobs, genuine)[0].delivered
            assert "403" in deliveries(jobs, forged)[0].error["message"]
            line = program.stdout.readline() if program.stdout else ""
            assert line.split() == ["job.done", genuine.id, f"/api/v1/jobs/{genuine.id}/result"]
        finally:
            program.terminate()
