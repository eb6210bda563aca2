"""The control task, which every worker takes that is not at a step: let a job advance."""

from sqlalchemy.exc import OperationalError

from jobs import logs
from workers import steps
from workers.application import app, open_jobs


@app.task(name="workers.advance")
def advance(job_id: str) -> None:
    try:
        steps.advance(open_jobs(), job_id)
    except OperationalError as error:  # the next sweep comes soon
        logs.log("advance-later", job=job_id, error=error.orig)
