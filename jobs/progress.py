"""How far a job is: in its present step, and as a whole."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from jobs import metrics
from jobs.records import FINAL, Job
from media.probe import MediaInfo
from media.timeline import result_frames

# Seconds that a frame takes in each step, where none was measured yet: their ratios matter.
_USUAL = {"detect": 0.03, "link": 0.005, "render": 0.06, "stitch": 0.01}
_LONG_STEPS = ("detect", "render")  # those without whose speed no time can be told
_PICTURE_FPS = Fraction(25)


class StepWork(NamedTuple):
    """A step's frames; `spent` are seconds so far, `mean` those a frame took in all jobs."""

    done: int
    total: int
    spent: float
    mean: float | None
    workers: int

    @property
    def seconds_per_frame(self) -> float | None:
        return self.spent / self.done if self.done and self.spent else self.mean


def progress(session: Session, job: Job) -> dict[str, Any]:
    """How far a job is, of a job with its segments loaded.

    `step` is detect, link, render, stitch or None; `done` and `total` are its frames, and
    `seconds_left` comes from the speed measured in this step, None while unknown. `fraction` is
    that of the whole job, 0 to 1: all steps count by the time that a frame takes in them.
    `job_seconds_left` is the time until the result is ready, None while unknown.
    """
    step, planned = _step(job), {segment.step for segment in job.segments}
    means = {} if job.state in FINAL else metrics.seconds_per_frame(session)
    works = dict(_works(job, means))
    now = works[step] if step in planned else StepWork(0, 0, 0.0, None, 1)
    left = (now.total - now.done) * now.spent / now.done if now.done and now.spent else None
    return {
        "step": step,
        "done": now.done,
        "total": now.total,
        "seconds_left": None if left is None else left / now.workers,
        "fraction": 1.0 if job.state == "done" else _fraction(works),
        "job_seconds_left": _job_seconds_left(works) if step else None,
    }


def result_seconds(job: Job) -> float:
    """How long the result of a job is."""
    frames = sum(segment.stop for segment in job.segments if segment.step == "stitch")
    return float(frames / _result_fps(job))


def _fraction(works: Mapping[str, StepWork]) -> float:
    weights = {step: work.mean or _USUAL[step] for step, work in works.items()}
    done = sum(work.done * weights[step] for step, work in works.items())
    return done / sum(work.total * weights[step] for step, work in works.items())


def _job_seconds_left(works: Mapping[str, StepWork]) -> float | None:
    left = 0.0
    for step, work in works.items():
        frames, seconds = work.total - work.done, work.seconds_per_frame
        if seconds is None and frames and step in _LONG_STEPS:
            return None
        left += frames * (_USUAL[step] if seconds is None else seconds) / work.workers
    return left


def _works(job: Job, means: Mapping[str, float]) -> Iterator[tuple[str, StepWork]]:
    searched, shown = _expected_frames(job)
    expected = {"detect": searched, "link": searched, "render": shown, "stitch": shown}
    for step, frames in expected.items():
        segments = [segment for segment in job.segments if segment.step == step]
        yield (
            step,
            StepWork(
                done=sum(segment.done_frames for segment in segments),
                total=sum(segment.stop - segment.start for segment in segments) or frames,
                spent=sum(segment.seconds for segment in segments),
                mean=means.get(step),
                workers=max(1, sum(segment.state == "running" for segment in segments)),
            ),
        )


def _expected_frames(job: Job) -> tuple[int, int]:
    """How many frames are searched and shown, about, before the workers have said so."""
    info = MediaInfo.from_dict(job.source.info)
    ends = max(Fraction(voice.start) + Fraction(voice.duration) for voice in job.voices)
    shown = result_frames(ends, _result_fps(job), job.options["sync_mode"], info.frames)
    return min(shown, info.frames or 1), shown


def _result_fps(job: Job) -> Fraction:
    rate = MediaInfo.from_dict(job.source.info).fps
    return rate or Fraction(job.options.get("fps") or _PICTURE_FPS)


def _step(job: Job) -> str | None:
    if job.state == "detecting":
        detecting = any(s.step == "detect" and s.state != "done" for s in job.segments)
        return "detect" if detecting else "link"
    return {"queued": "render", "rendering": "render", "finishing": "stitch"}.get(job.state)
