"""Fetching weights from the system page: for whoever runs the program, and nobody else."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from app.health import is_local
from app.jobs_access import jobs
from jobs import downloads
from media.errors import NamedError

weights = Blueprint("weights", __name__)


@weights.post("/system/weights/<checkpoint>/fetch")
def fetch(checkpoint: str) -> Response:
    _check_operator()
    downloads.request(jobs().database, checkpoint)
    return _redirect_back()


@weights.post("/system/weights/<checkpoint>/cancel")
def cancel(checkpoint: str) -> Response:
    _check_operator()
    downloads.cancel(jobs().database, checkpoint)
    return _redirect_back()


def may_fetch() -> bool:
    """Whether FETCHING lets who is asking fetch weights."""
    allowed = jobs().settings.fetching
    return allowed == "all" or (allowed == "local" and is_local())


def _check_operator() -> None:
    """Raises NamedError `not-allowed`."""
    if not may_fetch():
        raise NamedError(
            "not-allowed",
            "Only whoever runs this program may do that.",
            "On its machine, open this page at localhost or run `mouth fetch NAME`.",
        )


def _redirect_back() -> Response:
    return redirect(url_for("pages.installation", _anchor="weights"), 303)
