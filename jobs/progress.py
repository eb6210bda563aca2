"""How far a job is."""

from typing import Any

from jobs.records import Job


def progress(job: Job) -> dict[str, Any]:
    """How far a job's present step is, of a job with its segments loaded.

    `step` is detect, link, render, stitch or None; `done` and `total` are frames; `seconds_left`
    comes from the speed measured in this step, None while unknown.
    """
    step = _step(job)
    segments = [segment for segment in job.segments if segment.step == step]
    done = sum(segment.done_frames for segment in segments)
    total = sum(segment.stop - segment.start for segment in segments)
    spent = sum(segment.seconds for segment in segments)
    workers = max(1, sum(segment.state == "running" for segment in segments))
    left = (total - done) * spent / done / workers if done and spent else None
    return {"step": step, "done": done, "total": total, "seconds_left": left}


def _step(job: Job) -> str | None:
    if job.state == "detecting":
        detecting = any(s.step == "detect" and s.state != "done" for s in job.segments)
        return "detect" if detecting else "link"
    return {"queued": "render", "rendering": "render", "finishing": "stitch"}.get(job.state)
