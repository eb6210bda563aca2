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


def _setting(default: Any, doc: str, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc, "secret": secret})


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
    uploads_per_hour: int = _setting(
        600, "Files that one address or token may send within an hour; 0: no limit."
    )
    uploads_at_once: int = _setting(64, "Files that are received at the same time; 0: no limit.")
    guesses_per_hour: int = _setting(
        20, "Wrong passwords or tokens from one address within an hour; 0: no limit."
    )
    open_jobs_per_client: int = _setting(
        50, "Jobs that a visitor or token may have unfinished at a time; 0: no limit."
    )
    bytes_per_client: int = _setting(
        20 * 1024**3, "Bytes of uploads that a visitor or token may have here; 0: no limit."
    )
    probe_seconds: int = _setting(
        60, "Longest time that looking into an uploaded file may take, in seconds."
    )
    probe_memory: int = _setting(
        2 * 1024**3, "Memory that looking into an uploaded file may take, in bytes."
    )
    segment_seconds: float = _setting(
        5.0, "Length of the pieces in which a video is worked on and continued after a crash."
    )
    retention_days: float = _setting(
        7.0, "Days after which a job that rests is deleted with all its files; 0: never."
    )
    unused_hours: float = _setting(
        24.0,
        "Hours after which an upload is deleted that no job uses, or that never ended; 0: never.",
    )
    disk_reserve_bytes: int = _setting(
        512 * 1024**2, "Room on the disk of VAR_DIR that uploads must leave, in bytes."
    )
    disk_quota_bytes: int = _setting(
        0, "Bytes that all media files together may take; 0: as much as the disk holds."
    )
    tidy_seconds: float = _setting(300.0, "How often old and orphaned files are looked for.")
    metrics: str = _setting(
        "local", "Who may read /metrics: local (this machine only), all, or off."
    )
    fetching: str = _setting(
        "local", "Who may fetch weights on the system page: local (this machine only), all, or off."
    )
    webhook_allow: str = _setting(
        "", "Hosts, with commas between, that webhooks may call though private or plain http."
    )
    lease_seconds: float = _setting(
        20.0, "Silence after which a worker is taken for dead and its piece given to another."
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
    precision: str = _setting(
        "auto",
        "auto: as fast as it can; half: within a level or two; fp32: exactly; int8: in eight bits.",
    )
    secret_key: str = _setting(
        "",
        "Key that signs the visitors' cookies; empty: made once and kept in VAR_DIR/secret.",
        secret=True,
    )
    site_password: str = _setting(
        "",
        "Password for the whole site, or its scrypt hash by Werkzeug; empty: no password.",
        secret=True,
    )
    trusted_proxies: int = _setting(
        0, "Reverse proxies in front of the web server whose X-Forwarded headers are believed."
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

    @property
    def transfers_dir(self) -> Path:
        """Where files that are sent in pieces wait for the rest."""
        return self.var_dir / "transfers"

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

    Keys and passwords are not shown.
    """
    return [
        (
            setting.name.upper(),
            "(set)"
            if setting.metadata["secret"] and getattr(settings, setting.name)
            else str(getattr(settings, setting.name)),
            setting.metadata["doc"],
        )
        for setting in fields(settings)
    ]
