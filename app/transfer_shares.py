"""Files that are on their way at a time: so many of all clients, and so many of each."""

import threading
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

from flask import Flask, current_app

from app.identity import address_key, api_token, known_visitor
from jobs import rate_limit, tokens
from jobs.settings import Settings

_RETRY_AFTER = 5  # seconds after which a busy server is asked again
UPLOADS, DOWNLOADS = "uploads", "downloads"


class Shares:
    """Places for files: `total` together, `each` for a client; 0 is no limit."""

    def __init__(self, total: int, each: int) -> None:
        self._total, self._each = total, each
        self._taken: Counter[str] = Counter()
        self._all = 0
        self._lock = threading.Lock()

    def acquire(self, clients: Collection[str]) -> bool:
        """Take a place for a client that has these names, unless there is none."""
        with self._lock:
            if self._total and self._all >= self._total:
                return False
            if self._each and any(self._taken[name] >= self._each for name in clients):
                return False
            self._taken.update(clients)
            self._all += 1
            return True

    def release(self, clients: Collection[str]) -> None:
        with self._lock:
            self._all -= 1
            self._taken.subtract(clients)
            for name in clients:
                if not self._taken[name]:
                    del self._taken[name]


def init_app(app: Flask) -> None:
    settings: Settings = app.extensions["jobs"].settings
    each = settings.transfers_per_client
    app.extensions[UPLOADS] = Shares(settings.uploads_at_once, each)
    app.extensions[DOWNLOADS] = Shares(settings.downloads_at_once, each)


def take(kind: str) -> Callable[[], None]:
    """Take a place; what is returned gives it back.

    A client goes by its token, or by its address and its cookie, whichever has more on its way.
    Raises `jobs.rate_limit.RetryLater` (busy).
    """
    shares: Shares = current_app.extensions[kind]
    token = api_token()
    names = {tokens.owner(token)} if token else {address_key(), known_visitor() or address_key()}
    if not shares.acquire(names):
        raise rate_limit.RetryLater(
            "busy",
            f"Too many {kind} are under way, of all clients or of yours.",
            "Wait until one has ended, and try again.",
            _RETRY_AFTER,
        )
    return partial(shares.release, names)
