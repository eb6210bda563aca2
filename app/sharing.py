"""A shared result: a page for everybody who has its address, with the video and nothing else."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as Redirect

from app import files
from app.jobs_access import jobs
from jobs import sharing
from jobs.errors import not_found

shared = Blueprint("shared", __name__)
NAME = "talking.mp4"  # names of files are the owner's own


@shared.get("/shared/<secret>")
def show(secret: str) -> str:
    """The video; with `?credentials` also what its file says of itself."""
    job = sharing.shared_job(jobs(), secret)
    found = None
    if "credentials" in request.args and job.result_key:
        # Only who asks for them waits for the library that reads them.
        from media import provenance

        try:
            with jobs().storage.local(job.result_key) as path:
                found = provenance.read(path)
        except FileNotFoundError:
            raise not_found("file any more") from None
    return render_template(
        "shared.html", secret=secret, is_marked=job.options["badge"] != "none", credentials=found
    )


@shared.get("/shared/<secret>/video")
def video(secret: str) -> Response:
    kind = "attachment" if request.args.get("download") == "1" else "inline"
    headers = Headers({"Content-Disposition": f"{kind}; filename={NAME}"})
    return _file(sharing.shared_job(jobs(), secret).result_key, "video/mp4", headers)


@shared.get("/shared/<secret>/poster.jpg")
def poster(secret: str) -> Response:
    return _file(sharing.poster_key(sharing.shared_job(jobs(), secret)), "image/jpeg")


@shared.after_request
def _hide(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return response


@shared.post("/jobs/<id>/share")
def share(id: str) -> Redirect:
    sharing.share(jobs(), id)
    return redirect(url_for("pages.job", id=id), 303)


@shared.post("/jobs/<id>/withdraw")
def withdraw(id: str) -> Redirect:
    sharing.withdraw(jobs(), id)
    return redirect(url_for("pages.job", id=id), 303)


def _file(key: str | None, mimetype: str, headers: Headers | None = None) -> Response:
    try:
        return files.send(jobs().storage, key or "", mimetype, headers)
    except FileNotFoundError:
        raise not_found("file any more") from None
