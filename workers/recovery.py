"""Recovery of lost files: those that are not where a job's rows say they are."""

from jobs import errors, logs
from jobs.records import FINAL, Job, Segment
from jobs.service import Jobs
from workers.job_spec import persons_key


def recover_lost_files(jobs: Jobs, job_id: str) -> bool:
    """Let the segments whose files are lost be made again; False if no file of the job is missing.

    Raises NamedError `file-gone` for an upload, which cannot be made again here.
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


def _is_lost(jobs: Jobs, segment: Segment) -> bool:
    """Whether a segment is done and its file gone; linking looks after the detections itself."""
    if segment.state != "done" or segment.step not in ("link", "render"):
        return False
    key = persons_key(segment.job_id) if segment.step == "link" else str(segment.key)
    return not jobs.storage.exists(key)
