"""The pages: start, one job, all jobs of the visitor, system, API reference."""

from typing import Any

from flask import Blueprint, render_template, request

from app import filters, video_list
from app.api import representation
from app.api_docs import api_reference
from app.identity import visitor
from app.jobs_access import LISTED, discarded_jobs_of, jobs_of
from app.jobs_access import jobs as all_jobs
from app.ownership import check_owner
from app.system import generators, overview, system
from app.weights import may_fetch
from jobs.errors import not_found
from jobs.records import FINAL
from jobs.service import UNDO_SECONDS
from jobs.status_text import duration_text

pages = Blueprint("pages", __name__)
for template_filter in (
    filters.time_since,
    filters.day,
    filters.clock,
    filters.byte_size,
    filters.host,
):
    pages.add_app_template_filter(template_filter)

IDLE = ("choosing", *FINAL)  # states in which nothing happens by itself
# What the list can be narrowed to: title and states.
FILTERS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "": ("All", None),
    "ready": ("Ready", ("done",)),
    "running": (
        "At work",
        ("uploaded", "detecting", "choosing", "queued", "rendering", "finishing"),
    ),
    "stopped": ("Stopped", ("failed", "cancelled")),
}


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
        sync_modes=filters.SYNC_MODES,
        badges=filters.BADGES,
        video=_finished_job(request.args.get("video")),
        again=_own_job(request.args.get("again")),
        max_bytes=settings.max_upload_bytes,
        max_seconds=settings.max_seconds,
        max_size=filters.byte_size(settings.max_upload_bytes),
        max_duration=duration_text(settings.max_seconds),
    )


def _own_job(id: str | None) -> dict[str, Any] | None:
    """A job of the visitor's own. Raises NamedError not-found."""
    if id is None:
        return None
    check_owner(id)
    return representation.job(all_jobs().job(id))


def _finished_job(id: str | None) -> dict[str, Any] | None:
    """A job that has a result. Raises NamedError not-found."""
    shown = _own_job(id)
    if shown is not None and shown["result"] is None:
        raise not_found("result yet")
    return shown


@pages.get("/jobs")
def jobs() -> str:
    """The visitor's jobs; `?show=` names one of FILTERS, `?q=` is looked for in their names."""
    everything = jobs_of(visitor())
    show, wanted = request.args.get("show", ""), request.args.get("q", "").strip()
    states = FILTERS.get(show, (None, None))[1]
    takes = video_list.takes(everything)
    shown = [
        video_list.card(each, takes[each.id])
        for each in everything
        if (states is None or each.state in states) and video_list.is_named(each, wanted)
    ]
    return render_template(
        "jobs.html",
        jobs=shown,
        total=len(everything),
        most=LISTED,
        running=any(each.state not in IDLE for each in everything),
        show=show,
        wanted=wanted,
        discarded=discarded_jobs_of(visitor()),
        undo_seconds=UNDO_SECONDS,
        filters={name: title for name, (title, _) in FILTERS.items()},
    )


@pages.get("/api")
def api_reference_page() -> str:
    reference = api_reference()
    base = request.script_root + reference["base"]
    return render_template("api.html", **{**reference, "base": base})


@pages.get("/system")
def installation() -> str:
    known = overview(all_jobs())
    return render_template(
        "system.html", may_fetch=may_fetch(), processes=filters.PROCESSES, **known
    )


@pages.get("/jobs/<id>")
def job(id: str) -> str:
    shown = representation.job(all_jobs().job(id))
    asking = shown["state"] == "choosing" and any(
        voice["person"] is None and voice["point"] is None for voice in shown["voices"]
    )
    # An answered question waits only for the worker that acts on it.
    running = not asking and shown["state"] not in FINAL
    late = "late" in request.args and shown["state"] == "done"
    return render_template("job.html", job=shown, running=running, asking=asking, late=late)
