"""The memory of a worker: the same for a short video and a long one, in a real job.

Redis, the workers and the clock run as `mouth serve` starts them; the job goes through the
database and the queue. What is measured is the most that the engine's process ever held.
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
from benchmarks.measure import Row, most_memory
from jobs.choices import VoiceChoice
from jobs.records import FINAL
from jobs.service import Jobs
from jobs.settings import from_environment

SIZE = (1280, 720)
PROCESSES = ("redis", "light", "engine", "beat")
SHORT = 10.0  # seconds
EVERY = 0.5  # seconds between two looks at a job


def rows(folder: Path, _seconds: float, long: float) -> Iterator[Row]:
    """Of ten seconds, and of as many times ten as there are in `long`."""
    frames = round(SHORT * material.FPS)
    short = material.film(folder / "short.mp4", *SIZE, frames)
    weights = networks.generator_weights(folder)
    settings = {
        "MOUTH_CHECKPOINTS": str(folder),
        "CHECKPOINT": weights.stem,
        "DETECTOR": "dlib",
    }
    first = 0.0
    for times in (1, max(2, round(long / SHORT))):
        film = material.repeated(short, folder / "long.mp4", frames, times)
        voice = material.voice(folder / "long.wav", times * SHORT)
        took, memory = of_job(film, voice, settings)
        first = first or memory
        yield Row(
            f"1280x720 + {times * SHORT:g} s of voice, in a worker",
            took,
            frames_per_second=times * frames / took,
            memory=memory,
            note=f"{memory / first:.2f} times the memory of {SHORT:g} s",
        )


def of_job(film: Path, voice: Path, settings: Mapping[str, str]) -> tuple[float, float]:
    """Seconds that a job takes in workers just started, and the most memory of the engine, in MiB.

    Raises RuntimeError when the job fails.
    """
    with TemporaryDirectory() as folder:
        environment = {**os.environ, **settings, "VAR_DIR": folder}
        jobs = Jobs(from_environment(environment))
        jobs.database.migrate()
        with _serving(environment) as server:
            began, memory = time.perf_counter(), 0.0
            job_id = _begin(jobs, film, voice)
            while (job := jobs.job(job_id)).state not in FINAL:
                memory = max(memory, _of_engine(server))
                threading.Event().wait(EVERY)
            if job.state != "done":
                raise RuntimeError(f"the job {job.state}: {job.error}")
            return time.perf_counter() - began, max(memory, _of_engine(server))


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


def _of_engine(server: psutil.Process) -> float:
    """The most memory, in MiB, of any process of the engine's worker so far."""
    engines = []
    for process in server.children(recursive=True):
        try:
            if "engine" in process.cmdline():
                engines.append(most_memory(process.pid))
        except (psutil.NoSuchProcess, FileNotFoundError):  # it has just ended
            continue
    return max(engines, default=0.0)
