"""What to do when a file of a job is not where its rows say it is."""

from jobs import errors, logs
from jobs.records import FINAL, Job, Segment
from jobs.service import Jobs


def mend(jobs: Jobs, job_id: str) -> bool:
    """Let what a job has lost be made again; False if nothing of it is missing.

    Raises NamedError `file-gone` for an upload, which nobody here can make again.
    """
    with jobs.database.write() as session:
        job = session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in FINAL:
            return True
        uploads = {job.source.key, *(voice.upload.key for voice in job.voices)}
        if not all(jobs.storage.exists(key) for key in uploads):
            raise errors.file_gone()
        lost = [segment for segment in job.segments if _is_lost(jobs, segment)]
        for segment in lost:
            segment.state, segment.key, segment.done_frames = "waiting", None, 0
            logs.log("made-again", job=job_id, step=segment.step, index=segment.index)
    return bool(lost)


def persons_key(job_id: str) -> str:
    """Where the persons that were linked are kept."""
    return f"jobs/{job_id}/persons.csv"


def _is_lost(jobs: Jobs, segment: Segment) -> bool:
    """Whether a segment is done and its file gone; `_link` looks after the detections itself."""
    if segment.state != "done" or segment.step not in ("link", "render"):
        return False
    key = persons_key(segment.job_id) if segment.step == "link" else str(segment.key)
    return not jobs.storage.exists(key)
