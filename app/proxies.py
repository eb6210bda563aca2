"""Behind reverse proxies: client, protocol, name and path of the site as they were asked for."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")  # never "//host", which is another site


def behind_proxies(app: "WSGIApplication", count: int) -> "WSGIApplication":
    """`app` for requests that come through `count` proxies, whose X-Forwarded headers are right.

    X-Forwarded-Prefix is the path under which the site is, and which the proxy has taken away:
    all addresses of an answer begin with it.
    """

    def with_prefix(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        prefix = environ.get("HTTP_X_FORWARDED_PREFIX", "").rpartition(",")[2].strip()
        if _PREFIX.fullmatch(prefix.rstrip("/")):
            environ["SCRIPT_NAME"] = prefix.rstrip("/")
        return app(environ, start_response)

    return ProxyFix(with_prefix, x_for=count, x_proto=count, x_host=count)
