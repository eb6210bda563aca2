"""The sample that one click tries: a face that scikit-image ships, and a voice of our own."""

from importlib.util import find_spec
from pathlib import Path

from app.identity import client_key, visitor
from app.jobs_access import jobs
from jobs.records import Upload
from media.errors import NamedError
from media.sample import VOICE


def sample_uploads() -> tuple[Upload, Upload]:
    """Face and voice as uploads of the visitor. Raises NamedError `sample-missing`."""
    owner, client = visitor(), client_key()
    source = jobs().create_upload(owner, sample_face(), "astronaut.png", client=client)
    return source, jobs().create_upload(owner, VOICE, "hello.mp3", client=client)


def sample_face() -> Path:
    """The public-domain NASA portrait in the scikit-image wheel, found without importing that.

    Raises NamedError `sample-missing`.
    """
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise NamedError(
            "sample-missing",
            "The sample picture is not installed.",
            "Run `make setup`, or choose a picture of your own.",
        )
    return Path(spec.origin).parent / "data" / "astronaut.png"
