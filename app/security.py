"""Security headers, and protection against cross-site request forgery (CSRF)."""

import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import BadRequest

from app.upload_limits import UPLOADING
from media.errors import NamedError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# These take no JSON: a form with a file, and what names its protocol in a header of its own.
NO_JSON = {"api.create_upload", "api.begin_transfer", "api.append_to_transfer"}
MAX_BODY_BYTES = 1_000_000  # bytes of what is no upload


class Sessions(SecureCookieSessionInterface):
    """Cookies of this site alone, which travel encrypted only, once they came so."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"


def init_app(app: Flask) -> None:
    app.session_interface = Sessions()
    app.before_request(_refuse_cross_site)
    app.after_request(_add_headers)
    app.add_template_global(form_token)


def form_token() -> str:
    """The CSRF token of the visitor: every form of a page has it in its field `form_token`."""
    if "form_token" not in session:
        renew_form_token()
    token: str = session["form_token"]
    return token


def renew_form_token() -> None:
    """Give the visitor another CSRF token: what was known before a login is worth nothing after."""
    session.permanent = True
    session["form_token"] = secrets.token_urlsafe(24)


def _refuse_cross_site() -> None:
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
        raise _cross_site(origin)


def _cross_site(origin: str | None) -> NamedError:
    """With all that tells whether it is an attack, or a proxy that hides the name of the site."""
    proxies = current_app.extensions["jobs"].settings.trusted_proxies
    seen = [f"asked as {request.host}", f"TRUSTED_PROXIES={proxies}"]
    if origin is not None:
        seen.insert(0, f"sent by a page at {origin}")
    for header in ("X-Forwarded-Host", "X-Forwarded-Proto"):
        if said := request.headers.get(header):
            seen.append(f"{header}: {said}")
    return NamedError(
        "cross-site",
        f"This request comes from another site: {', '.join(seen)}.",
        "Open this site’s own page and do it there. Behind a reverse proxy, let that send the name "
        "of the site as Host or X-Forwarded-Host, and set TRUSTED_PROXIES to how many there are.",
    )


def check_body() -> None:
    """Refuse what a form of another site could send: the API takes JSON, a page its own forms.

    Raises NamedError `json-expected`, `form-expired`.
    """
    if request.method in SAFE_METHODS or request.endpoint is None:
        return
    if request.endpoint not in UPLOADING:
        request.max_content_length = MAX_BODY_BYTES
    if request.blueprint != "api":
        _check_form()
    elif request.endpoint not in NO_JSON and request.method != "DELETE":
        _check_json()


def _check_json() -> None:
    if not request.is_json:
        raise NamedError(
            "json-expected",
            "This address takes JSON.",
            "Send the body as JSON with Content-Type: application/json.",
        )
    try:
        request.get_json()
    except RecursionError:
        raise BadRequest from None  # thousands of brackets, one in the other


def _check_form() -> None:
    given = request.form.get("form_token", "")
    if not hmac.compare_digest(given.encode(), session.get("form_token", "").encode()) or not given:
        raise NamedError(
            "form-expired",
            "This form is too old, or it is not from this site.",
            "Go back, reload the page, and send it again.",
        )


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
