"""What comes next, read from the rows alone: no worker and no broker runs here."""

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_detection.persons import Person as Found
from face_detection.persons import to_csv
from jobs.choices import Point, VoiceChoice
from jobs.records import Job, Person, Segment, Worker
from jobs.service import Jobs
from jobs.settings import Settings
from media.errors import NamedError
from workers import steps
from workers.job_spec import persons_key
from workers.lease import Lease

Make = Callable[..., str]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    jobs = Jobs(Settings(var_dir=tmp_path / "var", segment_seconds=0.08))
    jobs.database.migrate()
    return jobs


@pytest.fixture
def make(jobs: Jobs, astronaut_file: Path, short_voice: Path) -> Make:
    """A new job of 15 frames: one to search, two in each segment to render."""

    def make(*voices: int | None, **options: Any) -> str:
        face = jobs.create_upload("me", astronaut_file, "face.png")
        voice = jobs.create_upload("me", short_voice, "voice.wav")
        choices = [VoiceChoice(voice.id, person) for person in voices or (None,)]
        return jobs.create_job("me", face.id, choices, options).id

    return make


def finish(jobs: Jobs, job_id: str, step: str, *persons: int) -> None:
    """Do what the workers would have done for a step."""
    with jobs.database.write() as session:
        job = session.get_one(Job, job_id)
        for segment in job.segments:
            if segment.step == step:
                segment.state = "done"
        if step == "link":
            job.persons = [
                Person(number=n, box=[0.0, 0, 9, 9], frame=0, score=1.0, thumbnail_key="")
                for n in persons
            ]
    steps.advance(jobs, job_id)


def standing(jobs: Jobs, job_id: str) -> tuple[str, dict[str, list[str]]]:
    job = jobs.job(job_id)
    rows: dict[str, list[str]] = {}
    for segment in job.segments:
        rows.setdefault(segment.step, []).append(segment.state)
    return job.state, rows


def test_a_job_with_one_face_goes_through_all_its_states(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    assert standing(jobs, job_id) == ("detecting", {"detect": ["sent"], "link": ["waiting"]})
    finish(jobs, job_id, "detect")
    assert standing(jobs, job_id) == ("detecting", {"detect": ["done"], "link": ["sent"]})
    finish(jobs, job_id, "link", 1)
    state, rows = standing(jobs, job_id)
    assert (state, rows["render"]) == ("queued", ["sent"] * 2 + ["waiting"] * 6)
    assert [voice.person for voice in jobs.job(job_id).voices] == [1]
    finish(jobs, job_id, "render")
    assert standing(jobs, job_id)[0] == "finishing"
    finish(jobs, job_id, "stitch")
    assert standing(jobs, job_id)[0] == "done"


def test_several_faces_are_a_question(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    finish(jobs, job_id, "link", 1, 2)
    assert standing(jobs, job_id)[0] == "choosing"
    voice = jobs.job(job_id).voices[0].upload_id
    jobs.choose_voices(job_id, [VoiceChoice(voice, 2)])
    steps.advance(jobs, job_id)
    assert standing(jobs, job_id)[0] == "queued"


def test_a_voice_may_know_its_speaker_from_the_start(jobs: Jobs, make: Make) -> None:
    job_id = make(2, 1)
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    finish(jobs, job_id, "link", 1, 2)
    assert standing(jobs, job_id)[0] == "queued"


def test_a_speaker_who_is_not_there_can_be_corrected(jobs: Jobs, make: Make) -> None:
    job_id = make(3)
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    finish(jobs, job_id, "link", 1, 2)
    job = jobs.job(job_id)
    assert job.error
    assert (job.state, job.error["code"]) == ("failed", "no-such-person")
    jobs.choose_voices(job_id, [VoiceChoice(job.voices[0].upload_id, 2)])
    steps.advance(jobs, job_id)
    assert standing(jobs, job_id)[0] == "queued"


def test_a_given_box_needs_no_search(jobs: Jobs, make: Make) -> None:
    job_id = make(box=[10, 10, 60, 80])
    steps.advance(jobs, job_id)
    assert standing(jobs, job_id) == ("detecting", {"link": ["sent"]})


def test_a_crop_that_leaves_nothing_fails_before_any_work(jobs: Jobs, make: Make) -> None:
    job_id = make(crop=[600, -1, 0, -1])
    steps.advance(jobs, job_id)
    job = jobs.job(job_id)
    assert job.error
    assert (job.state, job.error["code"], job.segments) == ("failed", "bad-option", [])


def test_two_at_once_send_nothing_twice(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    with jobs.database.write() as session:
        for segment in session.get_one(Job, job_id).segments:
            segment.state = "waiting"
    sent: list[str] = []
    begin = threading.Barrier(4)

    def go() -> None:
        mine = Jobs(jobs.settings)
        mine.queue.enqueue = lambda task, *ids, **_: sent.extend(ids) or True  # type: ignore
        begin.wait()
        steps.advance(mine, job_id)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 1


def test_a_segment_has_one_holder(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    segment = jobs.job(job_id).segments[0]
    lease = Lease.claim(jobs, segment.id)
    assert lease
    assert Lease.claim(jobs, segment.id) is None
    assert lease.finish()
    assert Lease.claim(jobs, segment.id) is None
    assert standing(jobs, job_id)[1]["detect"] == ["done"]


def test_a_lease_is_renewed_while_work_goes_on_and_lost_with_the_job(
    jobs: Jobs, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process that is ended when it does not let go of lost work is that of the tests here.
    monkeypatch.setattr("workers.lease.GRACE_SECONDS", 3600)
    job_id = make()
    steps.advance(jobs, job_id)
    lease = Lease.claim(jobs, jobs.job(job_id).segments[0].id)
    assert lease
    until = lease.segment.lease_until
    with lease:
        lease.advance(1)
        wait_for(lambda: jobs.job(job_id).segments[0].lease_until > until)
        assert jobs.job(job_id).segments[0].done_frames == 1
        assert not lease.is_cancelled()
        jobs.cancel(job_id)
        wait_for(lease.is_cancelled)
    assert lease.finish() is False


def test_three_lost_leases_are_a_crash(jobs: Jobs, make: Make) -> None:
    job_id = make()
    for attempt in (1, 2, 3):
        steps.advance(jobs, job_id)
        segment = jobs.job(job_id).segments[0]
        assert (segment.state, segment.attempts) == ("sent", attempt - 1)
        Lease.claim(jobs, segment.id)
        run_out(jobs, segment.id)
        steps.advance(jobs, job_id)  # only a suspicion: the clock may have jumped
        suspected = jobs.job(job_id).segments[0]
        assert (suspected.state, suspected.attempts) == ("running", attempt - 1)
        run_out(jobs, segment.id)
    steps.advance(jobs, job_id)
    job = jobs.job(job_id)
    assert job.error
    assert (job.state, job.error["code"]) == ("failed", "worker-crashed")
    jobs.retry(job_id)
    steps.advance(jobs, job_id)
    assert standing(jobs, job_id)[1]["detect"] == ["sent"]


def test_whoever_lives_answers_a_suspicion(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    lease = Lease.claim(jobs, jobs.job(job_id).segments[0].id)
    assert lease
    run_out(jobs, lease.segment.id)  # a computer that slept, a clock set forward
    steps.advance(jobs, job_id)
    assert jobs.job(job_id).segments[0].suspect
    with lease:
        wait_for(lambda: not jobs.job(job_id).segments[0].suspect)
    steps.advance(jobs, job_id)
    assert jobs.job(job_id).segments[0].holder == lease.segment.holder
    assert lease.finish()


@pytest.mark.parametrize("state", ["running", "sent"])
def test_a_lease_from_before_the_clock_was_set_back_ends_all_the_same(
    jobs: Jobs, make: Make, state: str
) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    segment = jobs.job(job_id).segments[0]
    if state == "running":
        Lease.claim(jobs, segment.id)
    run_out(jobs, segment.id, at=time.time() + 3600)
    steps.advance(jobs, job_id, ["engine"])
    assert jobs.job(job_id).segments[0].lease_until <= time.time() + jobs.settings.lease_seconds


def test_more_workers_get_more_of_a_job_at_once(jobs: Jobs, make: Make) -> None:
    with jobs.database.write() as session:
        for number, seen in enumerate((time.time(), time.time(), time.time() - 3600)):
            session.add(Worker(name=f"engine@{number}", part="engine", seen=seen, memory=1))
    job_id = make(1, box=[100, 50, 250, 250])
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "link", 1)
    assert standing(jobs, job_id)[1]["render"] == ["sent"] * 3 + ["waiting"] * 5


def test_the_time_limit_grows_with_the_work() -> None:
    short = Segment(step="render", start=0, stop=10)
    long = Segment(step="render", start=0, stop=1000)
    assert 300 < steps.time_limit(short, 300_000) < steps.time_limit(long, 300_000)
    assert steps.time_limit(long, 300_000) < steps.time_limit(long, 3840 * 2160)


def test_a_message_is_sent_again_only_when_it_must_be_lost(jobs: Jobs, make: Make) -> None:
    job_id = make()
    steps.advance(jobs, job_id)
    segment = jobs.job(job_id).segments[0]
    run_out(jobs, segment.id)
    steps.advance(jobs, job_id)
    assert jobs.job(job_id).segments[0].lease_until == 1.0
    steps.advance(jobs, job_id, ["engine"])
    again = jobs.job(job_id).segments[0]
    assert (again.state, again.attempts) == ("sent", 0)
    assert again.lease_until > time.time()


def test_a_longer_voice_chosen_later_needs_more_of_the_film(
    jobs: Jobs, make: Make, film: Path, short_voice: Path
) -> None:
    face = jobs.create_upload("me", film, "film.mp4")
    voice = jobs.create_upload("me", short_voice, "voice.wav")
    job_id = jobs.create_job("me", face.id, [VoiceChoice(voice.id)]).id
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    finish(jobs, job_id, "link", 1, 2)
    later = [VoiceChoice(voice.id, 1), VoiceChoice(voice.id, 2, start=0.6)]
    jobs.choose_voices(job_id, later)
    steps.advance(jobs, job_id)
    state, rows = standing(jobs, job_id)
    assert state == "detecting"
    assert set(rows) == {"detect", "link"}
    covered = [n for s in rows_of(jobs, job_id, "detect") for n in range(s.start, s.stop)]
    assert covered == list(range(30))
    assert jobs.job(job_id).persons == []


def pointing(jobs: Jobs, face: Path, voice: Path, *starts: float) -> str:
    """A job of two persons, found in its first half second, whose voices point at a face."""
    source = jobs.create_upload("me", face, face.name)
    said = jobs.create_upload("me", voice, "voice.wav")
    at_face = Point(200, 150, frame=20 if starts else 0)
    job_id = jobs.create_job("me", source.id, [VoiceChoice(said.id)]).id
    steps.advance(jobs, job_id)
    finish(jobs, job_id, "detect")
    boxes = np.array([[0, 0, 100, 100], [150, 100, 250, 200]], np.float32)
    persons = [
        Found(n, np.arange(15), np.tile(box, (15, 1)), np.ones(15, np.float32), Fraction(25))
        for n, box in enumerate(boxes, start=1)
    ]
    with jobs.storage.scratch() as folder:
        (folder / "persons.csv").write_text(to_csv(persons))
        jobs.storage.put_at(persons_key(job_id), folder / "persons.csv")
    finish(jobs, job_id, "link", 1, 2)
    choices = [VoiceChoice(said.id, start=start, point=at_face) for start in starts or (0.0,)]
    jobs.choose_voices(job_id, choices)
    steps.advance(jobs, job_id)
    return job_id


def test_a_point_at_a_face_becomes_its_person(jobs: Jobs, film: Path, short_voice: Path) -> None:
    job_id = pointing(jobs, film, short_voice)
    assert [voice.person for voice in jobs.job(job_id).voices] == [2]
    assert standing(jobs, job_id)[0] == "queued"


def test_a_point_at_what_is_yet_to_be_searched_waits_for_that(
    jobs: Jobs, film: Path, short_voice: Path
) -> None:
    job_id = pointing(jobs, film, short_voice, 0.0, 0.6)
    assert [voice.person for voice in jobs.job(job_id).voices] == [None, None]
    assert standing(jobs, job_id)[0] == "detecting"


def test_a_job_is_looked_at_once(jobs: Jobs, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = make()
    transactions: list[str] = []
    for kind in ("read", "write"):
        begin = getattr(jobs.database, kind)
        monkeypatch.setattr(
            jobs.database, kind, lambda kind=kind, begin=begin: transactions.append(kind) or begin()
        )
    steps.advance(jobs, job_id)
    assert transactions == ["write"]


def test_a_job_that_is_gone_is_left_alone(jobs: Jobs, make: Make) -> None:
    job_id = make()
    jobs.delete(job_id)
    steps.advance(jobs, job_id)
    with pytest.raises(NamedError):
        jobs.job(job_id)


def rows_of(jobs: Jobs, job_id: str, step: str) -> list[Segment]:
    return sorted(
        (s for s in jobs.job(job_id).segments if s.step == step), key=lambda segment: segment.start
    )


def run_out(jobs: Jobs, segment_id: str, at: float = 1.0) -> None:
    with jobs.database.write() as session:
        session.get_one(Segment, segment_id).lease_until = at


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
