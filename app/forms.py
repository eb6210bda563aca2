"""What the pages can do without a script: plain forms that lead to the next page."""

from pathlib import Path
from typing import Any

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from app import sample
from app.identity import client_key, visitor
from app.jobs_access import discarded_jobs_of, ended_jobs_of, jobs
from jobs.choices import VoiceChoice
from jobs.records import Upload
from media.errors import NamedError

forms = Blueprint("forms", __name__)


@forms.post("/jobs")
def create() -> Response:
    """A face and its voices, one after the other, as the form of the start page sends them."""
    (source, *_), voices = _uploads("source", "face"), _uploads("voice", "voice")
    if "consent" not in request.form:
        raise NamedError(
            "consent-missing",
            "The people in the files must agree to this.",
            "Go back and tick the box if they do.",
        )
    start, choices = 0.0, []
    for voice in voices:
        choices.append(VoiceChoice(voice.id, start=round(start, 3)))
        start += float(jobs().voice_duration(voice))
    job = jobs().create_job(
        visitor(), source.id, choices, _options(), consent=True, client=client_key()
    )
    return _redirect_to_job(job.id)


@forms.post("/sample")
def try_sample() -> Response:
    source, voice = sample.sample_uploads()
    choices = [VoiceChoice(voice.id)]
    return _redirect_to_job(
        jobs().create_job(visitor(), source.id, choices, client=client_key()).id
    )


@forms.post("/jobs/<id>/voices")
def choose(id: str) -> Response:
    """The answer to who speaks: a field `person-1` for the first voice, and so on."""
    choices = [
        VoiceChoice(
            voice.upload_id,
            request.form.get(f"person-{number}", type=int),
            voice.start,
            voice.gain,
        )
        for number, voice in enumerate(jobs().job(id).voices, start=1)
    ]
    jobs().choose_voices(id, choices)
    return _redirect_to_job(id)


@forms.post("/jobs/<id>/cancel")
def cancel(id: str) -> Response:
    late = jobs().cancel(id).state == "done"
    return redirect(url_for("pages.job", id=id, late=1 if late else None), 303)


@forms.post("/jobs/<id>/retry")
def retry(id: str) -> Response:
    jobs().retry(id)
    return _redirect_to_job(id)


@forms.post("/jobs/<id>/delete")
def delete(id: str) -> Response:
    jobs().discard(id)
    return _redirect_to_list()


@forms.post("/jobs/<id>/name")
def rename(id: str) -> Response:
    name = " ".join(request.form.get("name", "").split())[:255]
    jobs().rename(id, name if name.isprintable() and name else None)
    return _redirect_to_list()


@forms.post("/jobs/delete")
def delete_all() -> Response:
    """Everything of the visitor's that has ended; what still runs is left to run."""
    for id in ended_jobs_of(visitor()):
        jobs().discard(id)
    return redirect(url_for("pages.jobs"), 303)


@forms.post("/jobs/restore")
def restore() -> Response:
    """Bring back what the visitor has just deleted."""
    for job in discarded_jobs_of(visitor()):
        jobs().restore(job.id)
    return _redirect_to_list()


def _uploads(field: str, what: str) -> list[Upload]:
    """What was chosen in a field of the form, at least one file.

    Raises NamedError bad-request where nothing was chosen, and as `create_upload`.
    """
    uploads = []
    for file in request.files.getlist(field):
        if file.filename:
            file.stream.flush()
            path = Path(file.stream.name)
            uploads.append(
                jobs().create_upload(visitor(), path, file.filename, client=client_key())
            )
    if not uploads:
        raise NamedError("bad-request", f"There is no {what} yet.", f"Go back and choose a {what}.")
    return uploads


def _options() -> dict[str, Any]:
    """The options of the form; a field that is not there, or empty, is left as it is."""
    form = request.form
    chosen: dict[str, Any] = {name: name in form for name in ("overlay", "static", "level_voices")}
    for name in ("sync_mode", "badge", "checkpoint"):
        if form.get(name):
            chosen[name] = form[name]
    for name in ("smile", "strength"):
        if form.get(name):
            chosen[name] = form.get(name, type=float)
    if form.get("chin"):
        chosen["pads"] = [0, form.get("chin", type=int), 0, 0]
    return chosen


def _redirect_to_list() -> Response:
    """To the list as it was narrowed to."""
    show, wanted = (request.form.get(name) or None for name in ("show", "q"))
    return redirect(url_for("pages.jobs", show=show, q=wanted), 303)


def _redirect_to_job(id: str) -> Response:
    return redirect(url_for("pages.job", id=id), 303)
