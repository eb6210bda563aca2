"""Every failure as a name: problem+json to programs, a page to people."""

from http import HTTPStatus

from flask import Flask, Response, current_app, jsonify, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from app.filters import size
from jobs import logs
from jobs.errors import not_found, of_storage
from jobs.rate_limit import Wait
from media.errors import NamedError

# RFC 9110 status of each code; what is not here is a fault in what was asked for: 422.
STATUS = {
    "bad-request": 400,
    "bad-key": 400,
    "bad-token": 401,
    "password-needed": 401,
    "cross-site": 403,
    "form-expired": 403,
    "not-allowed": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "not-now": 409,
    "wrong-offset": 409,
    "not-complete": 409,
    "wrong-protocol": 412,
    "too-large": 413,
    "too-much-stored": 413,
    "unsupported-type": 415,
    "json-expected": 415,
    "piece-expected": 415,
    "bad-range": 416,
    "too-often": 429,
    "too-many-jobs": 429,
    "internal-error": 500,
    "busy": 503,
    "storage-unavailable": 503,
    "disk-full": 507,
}


def problem(error: NamedError) -> Response:
    """An `application/problem+json` response (RFC 9457) with our code, message and remedy."""
    status = STATUS.get(error.code, 422)
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


def register(app: Flask) -> None:
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
        answer.status_code = STATUS.get(error.code, 422)
    if isinstance(error, Wait):
        answer.headers["Retry-After"] = str(error.seconds)
    if answer.status_code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _answer_storage(error: OSError) -> Response:
    if (named := of_storage(error)) is None:
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
    if status == 404:
        return not_found("page")
    if status == 405:
        return NamedError(
            "method-not-allowed",
            "This address does not take such a request.",
            "See /api/v1/openapi.json for what each address takes.",
        )
    if status == 413:
        limit = size(current_app.config["MAX_CONTENT_LENGTH"])
        return NamedError(
            "too-large",
            f"What was sent is too large; at most {limit} are accepted.",
            "Cut the file shorter or save it in a lower quality.",
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
