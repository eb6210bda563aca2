"""The memory of workers in a real job: the same for a short video and a long one.

Redis, the workers and beat run as `mouth serve` starts them; the job goes through the database and
the queue. Measured is the most that each process had in memory (VmHWM of proc(5)), in which memory
shared with its parent process and pages mapped from files count in full.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks import material, networks
from benchmarks.measure import Row, peak_memory
from jobs.choices import VoiceChoice
from jobs.records import FINAL
from jobs.service import Jobs
from jobs.settings import from_environment

SIZE = (1280, 720)
PROCESSES = ("redis", "light", "engine", "beat")
SHORT = 10.0  # seconds
POLL_INTERVAL = 0.5  # seconds


def rows(folder: Path, _seconds: float, long: float) -> Iterator[Row]:
    """Jobs of ten seconds, and of `long` seconds (a multiple of ten)."""
    frames = round(SHORT * material.FPS)
    short = material.film(folder / "short.mp4", *SIZE, frames)
    weights = networks.generator_weights(folder)
    settings = {
        "MOUTH_CHECKPOINTS": str(folder),
        "CHECKPOINT": weights.stem,
        "DETECTOR": "centerface",
    }
    first = 0.0
    for times in (1, max(2, round(long / SHORT))):
        film = material.repeated(short, folder / "long.mp4", frames, times)
        voice = material.voice(folder / "long.wav", times * SHORT)
        took, most = of_job(film, voice, settings)
        memory = most.pop("engine")
        first = first or memory
        others = ", ".join(f"{part} {megabytes:.0f}" for part, megabytes in sorted(most.items()))
        yield Row(
            f"1280x720 + {times * SHORT:g} s of voice, in a worker",
            took,
            frames_per_second=times * frames / took,
            memory=memory,
            note=f"{memory / first:.2f} times the memory of {SHORT:g} s; other workers: {others}",
        )


def of_job(film: Path, voice: Path, settings: Mapping[str, str]) -> tuple[float, dict[str, float]]:
    """Seconds that a job takes in workers just started, and the memory of each kind of them, MiB.

    Raises RuntimeError if the job fails.
    """
    most: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        environment = {**os.environ, **settings, "VAR_DIR": folder}
        jobs = Jobs(from_environment(environment))
        jobs.database.migrate()
        with _serving(environment) as server:
            began = time.perf_counter()
            job_id = _begin(jobs, film, voice)
            while True:
                job = jobs.job(job_id)
                for part, memory in of_workers(server):
                    most[part] = max(memory, most.get(part, 0.0))
                if job.state in FINAL:
                    break
                threading.Event().wait(POLL_INTERVAL)
            if job.state != "done":
                raise RuntimeError(f"the job {job.state}: {job.error}")
            return time.perf_counter() - began, most


@contextmanager
def _serving(environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "cli", "serve", *PROCESSES]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            yield psutil.Process(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)


def _begin(jobs: Jobs, film: Path, voice: Path) -> str:
    source = jobs.create_upload("benchmark", film, film.name)
    said = jobs.create_upload("benchmark", voice, voice.name)
    return jobs.create_job("benchmark", source.id, [VoiceChoice(said.id, 1)]).id


def of_workers(server: psutil.Process) -> Iterator[tuple[str, float]]:
    """The kind of each worker process under `server`, and the most memory it has held, in MiB."""
    for process in server.children(recursive=True):
        try:
            named = [word for word in process.cmdline() if "@" in word]
            memory = peak_memory(process.pid)
        except (psutil.NoSuchProcess, FileNotFoundError):  # it has just ended
            continue
        if named:
            yield named[0].partition("@")[0], memory
