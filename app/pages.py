"""The pages people look at: start, one job, all my jobs."""

from typing import Any

from flask import Blueprint, render_template, request

from app import words
from app.api import representation
from app.desk import jobs as all_jobs
from app.desk import jobs_of
from app.ownership import check_owner
from app.system import generators, system
from app.visitor import visitor
from jobs.errors import not_found
from jobs.records import FINAL

pages = Blueprint("pages", __name__)
pages.add_app_template_filter(words.moment)

WAITING = ("choosing", *FINAL)  # states in which nothing happens by itself


@pages.app_context_processor
def _system() -> dict[str, Any]:
    return {"system": system(all_jobs().settings)}


@pages.get("/")
def start() -> str:
    """The form for a new job.

    `?video=` names a finished one whose result is animated further, `?again=` one that is to be
    done once more with other options.
    """
    visitor()  # so that uploads sent side by side come from one visitor
    settings = all_jobs().settings
    return render_template(
        "start.html",
        checkpoints=generators(),
        sync_modes=words.SYNC_MODES,
        badges=words.BADGES,
        video=_finished(request.args.get("video")),
        again=_known(request.args.get("again")),
        max_bytes=settings.max_upload_bytes,
        max_seconds=settings.max_seconds,
        max_size=words.size(settings.max_upload_bytes),
        max_duration=words.length(settings.max_seconds),
    )


def _known(id: str | None) -> dict[str, Any] | None:
    """A job of the visitor's own. Raises NamedError not-found."""
    if id is None:
        return None
    check_owner(id)
    return representation.job(all_jobs().job(id))


def _finished(id: str | None) -> dict[str, Any] | None:
    """A job that has a result. Raises NamedError not-found."""
    shown = _known(id)
    if shown is not None and shown["result"] is None:
        raise not_found("result yet")
    return shown


@pages.get("/jobs")
def jobs() -> str:
    shown = [representation.job(each) for each in jobs_of(visitor())]
    running = any(each["state"] not in WAITING for each in shown)
    return render_template("jobs.html", jobs=shown, running=running)


@pages.get("/jobs/<id>")
def job(id: str) -> str:
    shown = representation.job(all_jobs().job(id))
    return render_template("job.html", job=shown, running=shown["state"] not in WAITING)
