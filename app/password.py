"""The password of the whole site, where there is one: SITE_PASSWORD."""

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    current_app,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response

from app.identity import api_token, count_guess, guesses_key
from app.jobs_access import jobs
from app.security import renew_form_token
from jobs import logins, rate_limit
from media.errors import NamedError

password = Blueprint("password", __name__)
PUBLIC = {"static", "password.login_form", "password.login"}  # what may be seen without it


def init_app(app: Flask) -> None:
    app.register_blueprint(password)
    app.before_request(_require_password)
    app.context_processor(lambda: {"may_leave": "login" in session})


@password.get("/login")
def login_form() -> str | Response:
    if _is_authenticated():
        return redirect(_next_page())
    return render_template("login.html", next=_next_page(), wrong=False)


@password.post("/login")
def login() -> str | Response | tuple[str, int]:
    # Counted before it is checked, so that parallel guesses do not exceed the limit together.
    count_guess()
    if not _matches(request.form.get("password", "")):
        return render_template("login.html", next=_next_page(), wrong=True), 403
    rate_limit.reset(jobs().database, guesses_key())
    renew_form_token()
    session["login"] = logins.begin(jobs().database, _password_digest())
    return redirect(_next_page(), 303)


@password.post("/logout")
def logout() -> Response:
    """End the login; the visitor’s cookie still owns the same videos."""
    logins.end(jobs().database, session.pop("login", ""))
    return redirect(url_for("password.login_form"), 303)


def _require_password() -> Response | None:
    """Raises NamedError `password-needed` where a program asks."""
    if request.endpoint in PUBLIC or request.blueprint == "operation" or _is_authenticated():
        return None
    if not request.path.startswith("/api/") and request.method == "GET":
        return redirect(
            url_for("password.login_form", next=request.script_root + request.full_path.rstrip("?"))
        )
    raise NamedError(
        "password-needed",
        "This site has a password.",
        "Programs send a token (`mouth token new NAME`) as Authorization: Bearer; people log in.",
    )


def _is_authenticated() -> bool:
    if not jobs().settings.site_password or api_token():
        return True
    login: str = session.get("login", "")
    return bool(login) and logins.is_open(jobs().database, login, _password_digest())


def _password_digest() -> str:
    """An HMAC of the password: logins with another one do not count any more."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    secret = jobs().settings.site_password.encode()
    return hmac.new(key, b"password " + secret, hashlib.sha256).hexdigest()


def _matches(guess: str) -> bool:
    secret = jobs().settings.site_password
    if secret.startswith("scrypt:"):
        return check_password_hash(secret, guess)
    return hmac.compare_digest(secret.encode(), guess.encode())


def _next_page() -> str:
    """Where the visitor wanted to go: a page of ours, whatever the address says."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and "\\" not in wanted
    return wanted if ours and wanted.isprintable() else url_for("pages.start")
