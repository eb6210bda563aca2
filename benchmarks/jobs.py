"""Whole jobs: in a warm worker, compared with the reference, and on the command line, from cold."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import material, networks
from benchmarks.measure import Cost, Row, measure_process
from processes.serve import PROCFILE, processes
from wav2lip.inference import best_device, uses_int8


def rows(folder: Path, seconds: float, _long: float) -> Iterator[Row]:
    yield from _compared(folder, seconds)
    yield from _overhead(folder)


def default_rows(folder: Path, seconds: float, _long: float) -> Iterator[Row]:
    """`mouth animate` with what ships and nothing known, and where its time goes."""
    frames = round(seconds * material.FPS)
    for name, face, length in (
        ("still", material.still(folder / "still.png"), seconds),
        ("640x480", material.film(folder / "cold.mp4", 640, 480, frames), seconds),
        ("1280x720", material.film(folder / "large.mp4", 1280, 720, 6 * frames), 6 * seconds),
    ):
        given = [str(face), str(material.voice(folder / "cold.wav", length)), "-o"]
        given.append(str(folder / "cold-talking.mp4"))
        cost = measure_process([*_cold(folder), "cli", "animate", *given, "--force", "--quiet"])
        yield Row(
            f"{name} + {length:g} s of voice, cold",
            cost.seconds,
            cost.cpu,
            round(length * material.FPS) / cost.seconds,
            memory=cost.memory,
            note=f"{length / cost.seconds:.1f}x real time, {length / cost.cpu:.1f}x of a core",
        )
        command = [*_cold(folder), "benchmarks.breakdown", *given]
        answer = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - ours
        for stage, its in json.loads(answer.stdout).items():
            yield Row(f"... {stage}", its["seconds"] or None, its["cpu"])


def _cold(folder: Path) -> list[str]:
    """The beginning of a command that runs a module of ours and finds nothing kept."""
    kept = folder / "cold"
    shutil.rmtree(kept, ignore_errors=True)
    return ["env", f"VAR_DIR={kept}", sys.executable, "-m"]


def _compared(folder: Path, seconds: float) -> Iterator[Row]:
    still = material.still(folder / "still.png")
    voice = material.voice(folder / "voice.wav", seconds)
    frames = round(seconds * material.FPS)
    film = material.film(folder / "film.mp4", 640, 480, frames)
    weights = ["--weights", str(networks.generator_weights(folder))]
    s3fd = ["--s3fd", str(networks.s3fd_weights(folder))]
    length = f"{seconds:g} s of voice"
    boxes = [material.face_box(at, 640, 480) for at in range(frames)]
    face = [list(material.FACE)]
    for work, source, where, searched, known in (
        ("still", still, face, weights, weights),
        ("640x480, S3FD", film, boxes, [*weights, *s3fd], [*weights, *s3fd]),
        ("640x480, faces known", film, boxes, weights, [*weights, "--detected"]),
    ):
        plain = _reference(folder, source, voice, where, searched)
        for precision in _precisions():
            mine = _job(source, voice, [*known, "--precision", precision])
            yield _row(f"{work} + {length}, wav2lip {precision}", mine, plain, frames)
    for source, name in ((still, "still"), (film, "640x480")):
        mine = _job(source, voice, [])
        note = f"{seconds / mine['seconds']:.1f}x real time, {seconds / mine['cpu']:.1f}x of a core"
        yield _row(f"{name} + {length}, compact", mine, None, frames, note)


def _precisions() -> list[str]:
    """The precisions of `auto` without the extra, and with it if it is installed."""
    return ["half", "int8"] if uses_int8(best_device(), "auto") else ["half"]


def _overhead(folder: Path) -> Iterator[Row]:
    still, voice = material.still(folder / "still.png"), material.voice(folder / "v.wav", 10)
    for name, more in (
        ("wav2lip", ["--weights", str(networks.generator_weights(folder))]),
        ("compact", []),
    ):
        mine = _job(still, voice, [*more, "--detected"])
        milliseconds = 1000 * mine["before_first_batch"]
        yield Row(
            f"before the first batch, {name}",
            cpu=milliseconds / 1000,
            note=f"{milliseconds:.0f} ms",
        )


def _row(work: str, mine: dict[str, float], plain: Cost | None, frames: int, note: str = "") -> Row:
    return Row(
        work,
        mine["seconds"],
        mine["cpu"],
        frames / mine["seconds"],
        memory=mine["memory"],
        ratio=plain and plain.seconds / mine["seconds"],
        cpu_ratio=plain and plain.cpu / mine["cpu"],
        note=note or (plain and f"reference {plain.seconds:.1f} s, {plain.memory:.0f} MiB") or "",
    )


def _job(face: Path, voice: Path, more: Sequence[str]) -> dict[str, float]:
    """The cost of a job in a process with the environment of an engine worker."""
    out = voice.with_suffix(".mp4")
    command = [sys.executable, "-m", "benchmarks.job", str(face), str(voice), str(out), *more]
    answer = subprocess.run(  # noqa: S603 - our own module
        command, env={**os.environ, **worker_environment()}, capture_output=True, check=True
    )
    figures: dict[str, float] = json.loads(answer.stdout)
    return figures


def _reference(
    folder: Path, face: Path, voice: Path, boxes: Sequence[Sequence[float]], more: Sequence[str]
) -> Cost:
    known = folder / "boxes.json"
    known.write_text(json.dumps(boxes))
    given = [str(face), str(voice), str(folder / "reference.mp4"), "--boxes", str(known)]
    return measure_process([sys.executable, "-m", "benchmarks.reference", *given, *more])


def worker_environment() -> dict[str, str]:
    """The environment variables of the engine worker in the Procfile."""
    words = shlex.split(processes(PROCFILE)["engine"])
    return dict(word.split("=", 1) for word in words[: words.index("celery")] if "=" in word)
