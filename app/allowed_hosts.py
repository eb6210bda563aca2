"""The names under which the site is asked for: its own, and those of ALLOWED_HOSTS.

A page of another site can let its own name lead to this machine (DNS rebinding). What it sends then
comes from the visitor's machine and counts for the browser as of the same site; only the header
Host tells. An address is no name, so it cannot be used for that.
"""

import ipaddress
import socket

from flask import Flask, current_app, request

from jobs.settings import Settings
from media.errors import NamedError

EVERY = "*"


def init_app(app: Flask) -> None:
    settings: Settings = app.extensions["jobs"].settings
    app.extensions["allowed_hosts"] = names = allowed_names(settings, socket.gethostname())
    if EVERY not in names:
        app.before_request(_check)


def allowed_names(settings: Settings, machine: str) -> set[str]:
    """Names in lower case; one that begins with a dot stands for all that end so."""
    machine = machine.lower()
    listed = {each.strip().lower() for each in settings.allowed_hosts.split(",")} - {""}
    own = {"localhost", ".localhost", machine, settings.host.lower()}
    return own | {f"{machine.partition('.')[0]}.local"} | listed


def is_allowed(host: str, names: set[str]) -> bool:
    """Whether a Host header, with or without a port, is an address or one of the `names`."""
    name = host.lower()
    if not name.endswith("]"):
        name, colon, port = name.rpartition(":") if ":" in name else (name, "", "")
        if colon and not port.isdecimal():
            return False
    name = name.removesuffix(".")
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return name in names or any(each.startswith(".") and name.endswith(each) for each in names)
    return True


def _check() -> None:
    """Raises NamedError `wrong-host`."""
    host = request.host
    if not is_allowed(host, current_app.extensions["allowed_hosts"]):
        raise NamedError(
            "wrong-host",
            f"This site is not known by the name {host!r}.",
            "Use a name or address of its machine. If the name is right, its operator adds it to "
            "the setting ALLOWED_HOSTS.",
        )
