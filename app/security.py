"""What protects the visitors: response headers, and no change asked for by another site."""

from urllib.parse import urlsplit

from flask import Flask, Response, request

from media.errors import NamedError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
LARGEST_JSON = 1_000_000  # bytes


def register(app: Flask) -> None:
    app.before_request(_refuse_other_sites)
    app.before_request(_accept_json_only)
    app.after_request(_add_headers)


def _refuse_other_sites() -> None:
    """Browsers say where a request comes from; programs that say nothing hold no cookie of ours.

    Raises NamedError `cross-site`.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign:
        raise NamedError(
            "cross-site",
            "This request comes from another site.",
            "Open this site’s own page and do it there.",
        )


def _accept_json_only() -> None:
    """A form of another site cannot send JSON; only an upload may be a form.

    Raises NamedError `json-expected`.
    """
    if request.method in SAFE_METHODS or request.endpoint in (None, "api.create_upload"):
        return
    request.max_content_length = LARGEST_JSON
    if request.method != "DELETE" and not request.is_json:
        raise NamedError(
            "json-expected",
            "This address takes JSON.",
            "Send the body as JSON with Content-Type: application/json.",
        )


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
