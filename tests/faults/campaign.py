"""Many jobs, many kills: no job is lost, none done twice, none wrong, and no file is left."""

import math
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import requests
import sqlalchemy as sa

from jobs import metrics, records
from jobs.records import FINAL
from jobs.retention import tidy
from tests.faults.program import VICTIMS, Program, pause

EVERYTHING = "everything"  # the supervisor, and all others with it
AT_ONCE = 3  # jobs that are under way
BURST = 6  # kills, at most, until something is done again
Packets = list[tuple[int, int | None, bytes]]  # stream, time, content
LATER = 26 * 3600.0  # seconds, after which nothing counts as just being made any more


@dataclass(frozen=True)
class Recipe:
    """What a job is made from; all jobs of a recipe give the same video."""

    face: Path
    voice: Path
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    retries: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({killed}), {self.jobs} jobs done and right, "
            f"{self.retries} times retried, {self.seconds:.0f} s"
        )


class Campaign:
    """Kills at moments that a seed decides, while jobs come in over HTTP one after another."""

    def __init__(self, program: Program, recipes: list[Recipe], seed: int) -> None:
        self._program = program
        self._recipes = recipes
        self._chance = random.Random(seed)
        self._expected: list[Packets] = []
        self._made: dict[str, int] = {}  # of each job the number of its recipe
        self.report = Report()

    def run(self, kills: int, every: float = 2.0, most_seconds: float = math.inf) -> Report:
        """So many kills, in bursts, one in `every` so many seconds; fewer where time runs out.

        Raises AssertionError by what broke.
        """
        began = time.monotonic()
        self._program.start()
        for number in range(len(self._recipes)):
            job_id = self._ask(number)
            self._finish([job_id])
            self._expected.append(self._result(job_id))
        deadline = began + most_seconds
        while self.report.kills.total() < kills and time.monotonic() < deadline:
            while len(self._open()) < AT_ONCE:
                self._ask(self._chance.randrange(len(self._recipes)))
            before = self._progress()
            for _ in range(self._chance.randint(1, BURST)):
                pause(self._chance.expovariate(1 / every))
                self._hurt()
            self._revive()
            # The next ones must not all fall on processes that have only begun to start.
            self._program.until("work to go on", lambda before=before: self._progress() > before)
        self._finish(list(self._made))
        self._judge()
        self._program.stop()
        self.report.jobs = len(self._made)
        self._clean()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _progress(self) -> int:
        """How many segments are done."""
        done = sa.select(sa.func.count()).where(records.Segment.state == "done")
        with self._program.jobs.database.read() as session:
            return session.scalar(done) or 0

    def _hurt(self) -> None:
        victim = self._chance.choice((*VICTIMS, EVERYTHING))
        if victim == EVERYTHING:
            self._program.kill_all()
            self.report.kills[victim] += 1
        elif self._program.kill(victim):
            self.report.kills[victim] += 1

    def _ask(self, number: int) -> str:
        """A job over HTTP, however often it takes until the server answers."""
        recipe = self._recipes[number]
        source = self._send("uploads", files={"file": recipe.face.read_bytes()})
        voice = self._send("uploads", files={"file": recipe.voice.read_bytes()})
        wanted = {"source": source, "voices": [{"audio": voice, "person": 1}]}
        job_id = self._send("jobs", json={**wanted, "options": recipe.options})
        self._made[job_id] = number
        return job_id

    def _send(self, what: str, **body: Any) -> str:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        address = f"{self._program.address}/api/v1/{what}"
        answers: list[requests.Response] = []

        def sent() -> bool:
            try:
                answer = self._program.visitor.post(address, headers=key, timeout=60, **body)
            except requests.RequestException:
                return False
            answers.append(answer)
            return answer.ok

        self._program.until(f"an answer to {what}", sent)
        return str(answers[-1].json()["id"])

    def _open(self) -> list[str]:
        return [id for id in self._made if self._program.jobs.job(id).state not in FINAL]

    def _revive(self) -> None:
        """Retry what was killed three times at the same piece, as its owner would."""
        for job_id in self._made:
            job = self._program.jobs.job(job_id)
            if job.state == "failed":
                assert job.error
                assert job.error["code"] == "worker-crashed", job.error
                self._program.jobs.retry(job_id)
                self.report.retries += 1

    def _finish(self, job_ids: list[str]) -> None:
        def done() -> bool:
            self._revive()
            return all(self._program.jobs.job(id).state == "done" for id in job_ids)

        self._program.until("all jobs to be done", done)

    def _result(self, job_id: str) -> Packets:
        """All that is to be seen and heard, byte for byte; only the signature is always new."""
        storage, job = self._program.jobs.storage, self._program.jobs.job(job_id)
        with storage.local(job.result_key or "") as path, av.open(str(path)) as container:
            return [
                (packet.stream_index, packet.pts, bytes(packet)) for packet in container.demux()
            ]

    def _judge(self) -> None:
        for job_id, number in self._made.items():
            wrong = [
                (made[:2], due[:2])
                for made, due in zip_longest(
                    self._result(job_id), self._expected[number], fillvalue=(-1, None, b"")
                )
                if made != due
            ]
            assert not wrong, f"job {job_id} of recipe {number} is wrong: {wrong}"
        with self._program.jobs.database.read() as session:
            counted = list(metrics.counter_lines(session))
            there = session.scalar(sa.select(sa.func.count()).select_from(records.Job))
        assert there == len(self._made), "a job was lost, or made twice"
        assert f'mouth_jobs_total{{state="done"}} {len(self._made)}' in counted, "finished twice"

    def _clean(self) -> None:
        jobs = self._program.jobs
        for job_id in self._made:
            jobs.delete(job_id)
        tidy(jobs, time.time() + LATER)
        assert [file.key for file in jobs.storage.find()] == []
        assert list(jobs.settings.work_dir.iterdir()) == []
