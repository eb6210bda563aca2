"""`app.server` for tests that wait for its deadlines: they are a second, not twenty or sixty."""

from app import connections
from app.server import *  # noqa: F403

connections.GRACE = 1.0
connections.SEND_SECONDS = 1.0
