"""The state of a job as a sentence for people."""

import math

from jobs.queue_position import QueuePosition
from jobs.records import Job

STATES = {
    "uploaded": "About to start",
    "detecting": "Looking for faces",
    "choosing": "Who speaks?",
    "queued": "Waiting for its turn",
    "rendering": "Moving the mouth",
    "finishing": "Putting picture and sound together",
    "done": "Your video is ready",
    "failed": "This did not work",
    "cancelled": "Cancelled",
}


def summary(job: Job, position: QueuePosition | None) -> str:
    """The state in words, with the position in the queue where other jobs are before it."""
    # An answer may be there, and the worker that acts on it not yet.
    words = STATES["queued" if job.state == "choosing" and not is_asking(job) else job.state]
    if position is None or position.position == 1:
        return words
    if position.seconds is None:
        return f"{STATES['queued']}: number {position.position}"
    rough = 10 * max(1, math.ceil(position.seconds / 10))  # the estimate is no better than that
    return f"{STATES['queued']}: number {position.position}, in {duration_text(rough)} or so"


def is_asking(job: Job) -> bool:
    """Whether the job waits for somebody to say who speaks."""
    unknown = any(voice.person is None and not voice.point for voice in job.voices)
    return job.state == "choosing" and unknown


def duration_text(seconds: int) -> str:
    """Seconds as "90 seconds", "60 minutes" or "2 hours"."""
    if seconds >= 7200:
        return f"{seconds / 3600:.3g} hours"
    return f"{seconds / 60:.3g} minutes" if seconds >= 120 else f"{seconds} seconds"
