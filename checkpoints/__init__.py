"""The weights this program knows: what they are, where they lie, and whether they are whole.

`manifest.json` lists them, or the file that the environment variable MOUTH_MANIFEST names. Files
lie in the folder named by MOUTH_CHECKPOINTS; without it, in a checkout beside this module, and else
in the user's data directory. What ships with the program is found in any case.
"""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from platformdirs import user_data_path

from media.errors import NamedError

SHIPPED = Path(__file__).parent
MANIFEST = SHIPPED / "manifest.json"

GENERATORS = ("compact", "wav2lip")  # the architectures that move mouths


@dataclass(frozen=True)
class Checkpoint:
    """One entry of the manifest; `bytes` and `url` are None where nobody published them."""

    name: str
    architecture: str  # compact, wav2lip, s3fd, syncnet, expert or speech
    file: str
    bytes: int | None
    sha256: str
    licence: str
    url: str | None
    note: str

    @property
    def path(self) -> Path:
        """Where the file is, or where it would be put."""
        own = folder() / self.file
        shipped = SHIPPED / self.file
        return shipped if shipped.is_file() and not own.is_file() else own

    @property
    def present(self) -> bool:
        return self.path.is_file()


def data_folder() -> Path:
    """Where the program keeps files by itself: in its checkout, or, once it is installed, in the
    user's data directory, `$XDG_DATA_HOME/mouth-animation`. The folder need not exist yet.
    """
    checkout = SHIPPED.resolve().parent
    if (checkout / "pyproject.toml").is_file():
        return checkout
    return user_data_path("mouth-animation")


def folder() -> Path:
    """Where weights are looked for and downloaded to."""
    return Path(os.environ.get("MOUTH_CHECKPOINTS") or data_folder() / "checkpoints")


def to_environment() -> dict[str, str]:
    """The variables that give a process in another folder the same weights: paths are absolute."""
    names = ("MOUTH_CHECKPOINTS", "MOUTH_MANIFEST")
    return {name: str(Path(path).resolve()) for name in names if (path := os.environ.get(name))}


def all() -> list[Checkpoint]:
    """Every checkpoint of the manifest, the default first.

    Raises NamedError `bad-setting` where MOUTH_MANIFEST names a file that is no manifest.
    """
    manifest = Path(os.environ.get("MOUTH_MANIFEST") or MANIFEST)
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        return [Checkpoint(name=name, **entry) for name, entry in entries.items()]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NamedError(
            "bad-setting",
            f"MOUTH_MANIFEST={str(manifest)!r} must be a list of weights as "
            f"checkpoints/manifest.json is: {error}",
            "Correct it, or leave it out.",
        ) from error


def get(name: str) -> Checkpoint:
    """The checkpoint of that name. Raises NamedError `checkpoint-missing` for an unknown one."""
    known = {checkpoint.name: checkpoint for checkpoint in all()}
    if name not in known:
        raise unknown(name)
    return known[name]


def require(name: str) -> Path:
    """The file of a checkpoint, known to be whole.

    Raises NamedError `checkpoint-missing` when it is not there and `checkpoint-corrupt` when its
    sha256 is not the manifest's. A file is hashed once in a process, and again when it changes.
    """
    checkpoint = get(name)
    path = checkpoint.path
    if not path.is_file():
        raise NamedError(
            "checkpoint-missing", f"The weights of “{name}” are not on this machine.", obtain(name)
        )
    status = path.stat()
    if _remembered_sha256(path, status.st_mtime_ns, status.st_size) != checkpoint.sha256:
        raise NamedError(
            "checkpoint-corrupt",
            f"The weights in {path} are damaged: their checksum is not the published one.",
            f"Delete the file. {obtain(name)}",
        )
    return path


def find_file(name: str) -> Path | None:
    """A file of weights that no manifest lists: a path, or a name in the folder of checkpoints."""
    places = (Path(name), *(folder() / f"{name}{suffix}" for suffix in ("", ".pth", ".pt")))
    return next((path for path in places if path.is_file()), None)


def names(architectures: Collection[str]) -> list[str]:
    """The checkpoints of the manifest that have one of these architectures."""
    return [each.name for each in all() if each.architecture in architectures]


def may_be(name: str, architectures: Collection[str]) -> bool:
    """Whether a name, or the path of a file, can stand for weights of one of these architectures.

    A file that the manifest does not list is not opened: what is in it is seen when it is read.
    """
    listed = {each.name: each.architecture for each in all()}
    if name in listed:
        return listed[name] in architectures
    return find_file(name) is not None


def unknown(name: str) -> NamedError:
    """The error for a name that neither the manifest nor a file has."""
    return NamedError(
        "checkpoint-missing",
        f"There is no checkpoint called “{name}”.",
        f"Known are {', '.join(checkpoint.name for checkpoint in all())}; "
        "or give the path of a file of weights.",
    )


def obtain(name: str) -> str:
    """The sentence that tells a user how to get a checkpoint."""
    checkpoint = get(name)
    if checkpoint.url:
        return f"Run `mouth fetch {name}`."
    if checkpoint.architecture == "compact":
        return f"It ships with the program: restore {checkpoint.file} from there."
    return f"{checkpoint.note} Download it by hand and put it at {folder() / checkpoint.file}."


def sha256(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _remembered_sha256(path: Path, mtime_ns: int, size: int) -> str:
    return sha256(path)
