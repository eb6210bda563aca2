"""Who sends a request: a program with an API token, or an anonymous visitor with a signed cookie.

Uploads and jobs belong to their owner; for others they do not exist (`app.ownership`).
"""

import hashlib
import hmac
import ipaddress
import secrets

from flask import Flask, current_app, g, request, session

from app.jobs_access import jobs
from jobs import rate_limit, tokens
from jobs.records import Token
from media.errors import NamedError


def init_app(app: Flask) -> None:
    app.before_request(_authenticate)


def visitor() -> str:
    """The owner of what this request makes; a browser gets a number at the first need of one."""
    if (known := known_visitor()) is not None:
        return known
    session.permanent = True
    number = session["visitor"] = secrets.token_urlsafe(24)
    return number


def known_visitor() -> str | None:
    """The owner of what this request may see, None when it was never here before."""
    if token := api_token():
        return tokens.owner(token)
    return session.get("visitor")


def api_token() -> Token | None:
    """The token that the request carries."""
    return g.get("token")


def client_key() -> str:
    """The key under which a client is rate limited: its token, or its address in a keyed hash.

    An IPv6 customer has a whole network, which counts as one.
    """
    if token := api_token():
        return tokens.owner(token)
    return address_key()


def address_key() -> str:
    """The address of the request as a keyed hash (HMAC), so that no personal data is stored."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    network = _network(request.remote_addr or "").encode()
    return f"address:{hmac.new(key, network, hashlib.sha256).hexdigest()[:32]}"


def count_guess() -> None:
    """Count a wrong token or an attempt at the password. Raises `jobs.rate_limit.RetryLater`."""
    settings = jobs().settings
    rate_limit.count(
        jobs().database, guesses_key(), settings.guesses_per_hour, "Something wrong was tried"
    )


def guesses_key() -> str:
    """The key under which guesses from this address are counted."""
    return f"guess {address_key()}"


def _network(address: str) -> str:
    try:
        host = ipaddress.ip_address(address)
    except ValueError:  # a socket, or what a proxy made up
        return address
    bits = 64 if host.version == 6 else 32
    return str(ipaddress.ip_network(f"{host}/{bits}", strict=False))


def _authenticate() -> None:
    """Raises NamedError `bad-token`, and `jobs.rate_limit.RetryLater` after too many of them."""
    shown = request.authorization
    if shown is None or shown.type != "bearer":
        return
    g.token = tokens.authenticate(jobs().database, shown.token or "")
    if g.token is None:
        count_guess()
        raise NamedError(
            "bad-token",
            "This token is not known here.",
            "Make a new one with `mouth token new NAME`, and send it whole.",
        )
