"""Who is asking: an anonymous visitor, known by a random number in a signed cookie.

The list of jobs is the visitor's own. A single upload or job is open to whoever knows its id,
which is 122 random bits: so a program needs no cookie, and an address can be passed on.
"""

import secrets

from flask import session


def visitor() -> str:
    """The visitor's number, given at the first need of one."""
    if "visitor" not in session:
        session.permanent = True
        session["visitor"] = secrets.token_urlsafe(24)
    number: str = session["visitor"]
    return number
