"""Every failure as a name: problem+json to programs, a page to people."""

import logging
from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from app.filters import byte_size
from app.jobs_access import jobs
from jobs import logs
from jobs.errors import from_os_error, not_found
from jobs.rate_limit import RetryLater
from media.errors import NamedError

# The status (RFC 9110) of every code that a package of the web process can name; a test compares.
_CODES = {
    400: ("bad-request", "bad-key"),
    401: ("bad-token", "password-needed"),
    403: ("cross-site", "form-expired", "not-allowed"),
    404: ("not-found",),
    405: ("method-not-allowed",),
    408: ("too-slow",),
    409: ("not-now", "wrong-offset", "not-complete"),
    412: ("wrong-protocol",),
    413: ("too-large", "too-much-stored"),
    415: ("unsupported-type", "json-expected", "piece-expected"),
    416: ("bad-range",),
    421: ("wrong-host",),
    422: (
        *("bad-field", "bad-name", "bad-option", "bad-webhook", "webhook-not-allowed"),
        *("checkpoint-missing", "consent-missing", "key-reused", "token-exists"),
        *("no-such-person", "no-voice", "too-many-voices", "sample-missing"),
        *("not-a-face-file", "not-a-voice", "no-audio-track", "voice-silent", "voice-too-short"),
        *("unreadable-media", "too-demanding", "size-changes", "too-long"),
    ),
    429: ("too-often", "too-many-jobs"),
    500: (
        *("internal-error", "worker-crashed", "took-too-long", "file-gone", "result-gone"),
        *("bad-setting", "socket-in-use", "already-running", "checkpoint-corrupt"),
    ),
    502: ("download-failed", "webhook-unreachable"),
    503: ("busy", "storage-unavailable"),
    507: ("disk-full",),
}
STATUS = {code: status for status, codes in _CODES.items() for code in codes}


def problem(error: NamedError) -> Response:
    """An `application/problem+json` response (RFC 9457) with our code, message and remedy."""
    status = status_of(error)
    response = jsonify(
        type=f"urn:mouth-animation:error:{error.code}",
        title=error.message,
        status=status,
        detail=str(error),
        **error.as_dict(),
    )
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def status_of(error: NamedError) -> int:
    """The HTTP status of a failure; 500, and a line in the log, for a code without one."""
    if error.code not in STATUS:
        logs.log("code-without-status", level=logging.ERROR, code=error.code)
    return STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def init_app(app: Flask) -> None:
    """Let `app` answer failures: below /api as problem+json, elsewhere as a page."""
    app.register_error_handler(NamedError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(OSError, _answer_storage)
    app.register_error_handler(OperationalError, _answer_database)


def _answer(error: NamedError) -> Response:
    if request.path.startswith("/api/"):
        answer = problem(error)
    else:
        answer = current_app.make_response(render_template("error.html", error=error))
        answer.status_code = status_of(error)
    if isinstance(error, RetryLater):
        answer.headers["Retry-After"] = str(error.seconds)
    if answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _answer_storage(error: OSError) -> Response:
    if (named := from_os_error(error)) is None:
        raise error
    logs.failure("storage-error")
    return _answer(named)


def _answer_database(error: OperationalError) -> Response:
    logs.log("database-away", error=error.orig)
    return _answer(
        NamedError(
            "busy",
            "The program cannot write anything down at the moment.",
            "Try again in a minute. Nothing that was done before is lost.",
        )
    )


def _answer_http(error: HTTPException) -> Response:
    answer = _answer(_named(error))
    for name, value in error.get_headers():
        if name in ("Allow", "Content-Range"):
            answer.headers[name] = value
    return answer


def _named(error: HTTPException) -> NamedError:
    status = error.code or 500
    if isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError):
        return NamedError(
            "too-slow",
            "What was sent came too slowly, or stopped.",
            "Try again, with a better connection; large files can be sent in pieces.",
        )
    if status == 404:
        return not_found("page")
    if status == 405:
        return NamedError(
            "method-not-allowed",
            "This address does not take such a request.",
            "See /api/v1/openapi.json for what each address takes.",
        )
    if status == 413:
        limit = request.max_content_length or 0
        if limit == current_app.config["MAX_CONTENT_LENGTH"]:
            what, limit = "This file", jobs().settings.max_upload_bytes
            remedy = "Cut the file shorter or save it in a lower quality."
        else:
            what = "What was sent with this request"
            remedy = "Send less of it: files are uploaded first, and then named by their ids."
        return NamedError(
            "too-large", f"{what} is too large; at most {byte_size(limit)} are accepted.", remedy
        )
    if status == 416:
        return NamedError(
            "bad-range", "The file does not reach that far.", "Ask for a range inside the file."
        )
    if status < 500:
        return NamedError(
            "bad-request",
            f"The request cannot be understood: {HTTPStatus(status).phrase.lower()}.",
            "See /api/v1/openapi.json for how to ask.",
        )
    return NamedError(
        "internal-error",
        "Something went wrong here; the details are in the server’s log.",
        "Try again in a moment. What was uploaded is not lost.",
    )
