"""Every setting, read from the environment once."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_VAR_DIR = PROJECT / "var"


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Settings:
    """All settings; the name in the environment is the field's name in capitals.

    The three addresses may be empty: then the part is embedded, under `var_dir`.
    """

    var_dir: Path = _setting(  # noqa: RUF009 - a field of an unchangeable value
        DEFAULT_VAR_DIR, "Folder for everything that the program keeps."
    )
    host: str = _setting("127.0.0.1", "Address on which the web server listens.")
    port: int = _setting(8000, "Port on which the web server listens.")
    broker_url: str = _setting(
        "", "Redis for the job queue, redis://...; empty: the Redis that is started along."
    )
    database_url: str = _setting(
        "", "Database of the jobs, such as postgresql+psycopg://...; empty: SQLite in VAR_DIR."
    )
    storage_url: str = _setting(
        "", "Place of the media files, such as s3://bucket/prefix; empty: VAR_DIR/media."
    )
    max_upload_bytes: int = _setting(2 * 1024**3, "Largest file that may be uploaded, in bytes.")
    max_seconds: int = _setting(3600, "Longest voice or video that is accepted, in seconds.")
    segment_seconds: float = _setting(
        5.0, "Length of the pieces in which a video is worked on and continued after a crash."
    )
    lease_seconds: float = _setting(
        30.0, "Silence after which a worker is taken for dead and its piece given to another."
    )
    sweep_seconds: float = _setting(10.0, "How often lost work is looked for.")
    detector: str = _setting(
        "", "Face detector, s3fd or dlib; empty: s3fd once its weights are there."
    )
    checkpoint: str = _setting("compact", "Lip-sync checkpoint used when a job names none.")
    signing_certificate: str = _setting(
        "", "PEM chain that signs finished videos; empty: one made at the first start in VAR_DIR."
    )
    signing_key: str = _setting("", "The key of SIGNING_CERTIFICATE, a PEM file.")
    secret_key: str = _setting(
        "", "Key that signs the visitors' cookies; empty: made once and kept in VAR_DIR/secret."
    )

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{self.var_dir / 'mouth.db'}"

    @property
    def storage(self) -> str:
        """The fsspec address, or the folder, of the media files."""
        return self.storage_url or str(self.var_dir / "media")

    @property
    def work_dir(self) -> Path:
        """Where half-written files live; on the file system of the embedded storage."""
        return self.var_dir / "work"

    def secret(self) -> str:
        """The key for signing; made with mode 0600 at the first call when none is set."""
        if self.secret_key:
            return self.secret_key
        path = self.var_dir / "secret"
        if not path.exists():
            self.var_dir.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"secret.{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(draft, path)
            draft.unlink()
        return path.read_text().strip()


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; an empty variable is one that is not set.

    Raises ValueError, naming the variable, for a value that is not of its kind.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        name = setting.name.upper()
        if not (text := environment.get(name, "").strip()):
            continue
        kind: Any = type(setting.default)
        try:
            values[setting.name] = Path(text).resolve() if issubclass(kind, Path) else kind(text)
        except ValueError as error:
            raise ValueError(f"{name} must be a {kind.__name__}, not {text!r}.") from error
    return Settings(**values)


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Rows for `mouth settings`: name in the environment, value now, what it is for.

    The signing key is not shown.
    """
    return [
        (
            setting.name.upper(),
            "(set)"
            if setting.name == "secret_key" and settings.secret_key
            else str(getattr(settings, setting.name)),
            setting.metadata["doc"],
        )
        for setting in fields(settings)
    ]
