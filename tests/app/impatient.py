"""`app.server` for tests that wait for its deadlines: they are a second, and not twenty."""

from app import connections
from app.server import *  # noqa: F403

connections.GRACE = 1.0
