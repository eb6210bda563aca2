"""Every setting: what it is for and what it may be, read from the environment and checked once."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from checkpoints import data_folder
from jobs.constraints import (
    Choice,
    Constraint,
    DatabaseUrl,
    File,
    FloatRange,
    Folder,
    Host,
    HostNames,
    Hosts,
    IntRange,
    Password,
    Secret,
    StorageUrl,
    Url,
    Weights,
)
from media.errors import NamedError

DEFAULT_VAR_DIR = data_folder() / "var"
AUDIENCES = ("local", "all", "off")
DETECTORS = ("s3fd", "centerface")
PRECISIONS = ("auto", "half", "fp32", "int8")  # as `wav2lip.engine` has them, which imports torch


class Description(NamedTuple):
    """One setting as people see it: `name` in the environment, its `value` now, what is `allowed`
    and what it is for.
    """

    name: str
    value: str
    allowed: str
    doc: str


def _setting(default: Any, allowed: Constraint, doc: str) -> Any:
    secret = isinstance(allowed, Secret)
    return field(default=default, repr=not secret, metadata={"allowed": allowed, "doc": doc})


@dataclass(frozen=True)
class Settings:
    """All settings; the name in the environment is the field's name in capitals.

    The three addresses may be empty: then the part is embedded, under `var_dir`.
    """

    var_dir: Path = _setting(  # noqa: RUF009 - a field of an unchangeable value
        DEFAULT_VAR_DIR, Folder(), "Folder for everything that the program keeps."
    )
    host: str = _setting("127.0.0.1", Host(), "Address on which the web server listens.")
    port: int = _setting(8000, IntRange(1, 65535), "Port on which the web server listens.")
    broker_url: str = _setting(
        "",
        Url(("redis", "rediss", "redis+socket")),
        "Redis for the job queue; empty: the Redis that is started with the program.",
    )
    database_url: str = _setting(
        "",
        DatabaseUrl(("postgresql+psycopg", "sqlite")),
        "Database of the jobs; empty: SQLite in VAR_DIR.",
    )
    storage_url: str = _setting("", StorageUrl(), "Where media files are; empty: VAR_DIR/media.")
    max_upload_bytes: int = _setting(
        2 * 1024**3, IntRange(1), "Largest file that may be uploaded, in bytes."
    )
    max_seconds: int = _setting(
        3600, IntRange(1, 86400), "Longest voice or video that is accepted, in seconds."
    )
    uploads_per_hour: int = _setting(
        600,
        IntRange(0),
        "Files that one address or token may send within an hour; 0: no limit.",
    )
    uploads_at_once: int = _setting(
        64, IntRange(0), "Files that are received at the same time; 0: no limit."
    )
    downloads_at_once: int = _setting(
        64, IntRange(0), "Videos and sounds that are sent at the same time; 0: no limit."
    )
    transfers_per_client: int = _setting(
        16,
        IntRange(0),
        "Of both, those of one address, visitor or token; 0: no limit.",
    )
    guesses_per_hour: int = _setting(
        20,
        IntRange(0),
        "Wrong passwords or tokens from one address within an hour; 0: no limit.",
    )
    open_jobs_per_client: int = _setting(
        50,
        IntRange(0),
        "Jobs that an address, visitor or token may have unfinished at a time; 0: no limit.",
    )
    bytes_per_client: int = _setting(
        20 * 1024**3,
        IntRange(0),
        "Bytes of uploads that an address, visitor or token may have here; 0: no limit.",
    )
    probe_seconds: int = _setting(
        60, IntRange(1, 3600), "Longest time that probing an uploaded file may take, in seconds."
    )
    probe_memory: int = _setting(
        2 * 1024**3,
        IntRange(64 * 1024**2),
        "Memory that probing an uploaded file may take, in bytes.",
    )
    segment_seconds: float = _setting(
        5.0,
        FloatRange(0.04, 600),
        "Length of the segments in which a video is worked on and continued after a crash.",
    )
    retention_days: float = _setting(
        7.0,
        FloatRange(0, 36500),
        "Days after which a job that rests is deleted with all its files; 0: never.",
    )
    unused_hours: float = _setting(
        24.0,
        FloatRange(0, 876000),
        "Hours after which an upload is deleted that no job uses, or that never ended; 0: never.",
    )
    disk_reserve_bytes: int = _setting(
        512 * 1024**2,
        IntRange(0),
        "Room on the disk of VAR_DIR that uploads must leave, in bytes.",
    )
    disk_quota_bytes: int = _setting(
        0,
        IntRange(0),
        "Bytes that all media files together may take; 0: as much as the disk holds.",
    )
    tidy_seconds: float = _setting(
        300.0, FloatRange(1, 86400), "Time between two searches for old and orphaned files."
    )
    metrics: str = _setting(
        "local", Choice(AUDIENCES), "Who may read /metrics: local is this machine only."
    )
    fetching: str = _setting(
        "local",
        Choice(AUDIENCES),
        "Who may fetch weights on the system page: local is this machine only.",
    )
    webhook_allow: str = _setting(
        "", Hosts(), "Hosts that webhooks may call though private, plain http or at another port."
    )
    lease_seconds: float = _setting(
        20.0,
        FloatRange(1, 3600),
        "Silence after which a worker is taken for dead and its segment given to another.",
    )
    sweep_seconds: float = _setting(
        10.0, FloatRange(0.1, 3600), "Time between two searches for lost work."
    )
    detector: str = _setting(
        "", Choice(DETECTORS), "Face detector; empty: s3fd once its weights are there."
    )
    checkpoint: str = _setting(
        "compact", Weights(), "Lip-sync checkpoint used when a job names none."
    )
    signing_certificate: str = _setting(
        "",
        File(),
        "PEM chain that signs finished videos; empty: one made at the first start in VAR_DIR.",
    )
    signing_key: str = _setting("", File(), "The key of SIGNING_CERTIFICATE, a PEM file.")
    precision: str = _setting(
        "auto",
        Choice(PRECISIONS),
        "auto: the fastest of the others; half: within a level or two; fp32: exact; int8: 8 bits.",
    )
    secret_key: str = _setting(
        "",
        Secret(),
        "Key that signs the visitors' cookies; empty: made once and kept in VAR_DIR/secret.",
    )
    site_password: str = _setting(
        "",
        Password(),
        "Password for the whole site, or its scrypt hash by Werkzeug; empty: no password.",
    )
    trusted_proxies: int = _setting(
        0,
        IntRange(0, 100),
        "Reverse proxies in front of the web server whose X-Forwarded headers are believed.",
    )

    allowed_hosts: str = _setting(
        "",
        HostNames(),
        "Names of the site, besides localhost and this machine's own name and addresses.",
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
    """Read the settings and check them all; an empty variable is one that is not set.

    Raises NamedError `bad-setting`, which names each wrong one, its value and what is allowed.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in fields(Settings):
        name, allowed = setting.name.upper(), setting.metadata["allowed"]
        text = environment.get(name, "").strip() or str(setting.default)
        try:
            values[setting.name] = allowed.read(text) if text else ""
        except ValueError as error:
            problems.append(_problem(name, allowed, text, error))
        except NamedError as error:  # of the list of weights, which belongs to no field
            problems.append(error.message)
    problems += _combined(values)
    if problems:
        raise NamedError(
            "bad-setting",
            "\n".join(["These settings cannot be used:", *(f"  {each}" for each in problems)]),
            "Correct them, or leave them out for the usual values.",
        )
    return Settings(**values)


def for_process() -> Settings:
    """As `from_environment`, for a process that somebody keeps alive.

    Settings that cannot be used are told on stderr and end the process with EX_CONFIG (78 of
    sysexits.h): starting it again would not help.
    """
    try:
        return from_environment()
    except NamedError as error:
        print(error.as_text(), file=sys.stderr)
        sys.exit(os.EX_CONFIG)


def to_environment(settings: Settings) -> dict[str, str]:
    """The variables that give a process in another folder the same settings: paths are absolute."""
    values = {each.name.upper(): str(getattr(settings, each.name)) for each in fields(settings)}
    return {name: value for name, value in values.items() if value}


def describe(settings: Settings) -> list[Description]:
    """What `mouth settings` prints. Keys and passwords are not shown."""
    return [
        Description(
            setting.name.upper(),
            setting.metadata["allowed"].shown(getattr(settings, setting.name)),
            str(setting.metadata["allowed"]),
            setting.metadata["doc"],
        )
        for setting in fields(settings)
    ]


def _problem(name: str, allowed: Constraint, text: str, error: ValueError) -> str:
    ours = str(error) if not isinstance(allowed, IntRange | FloatRange) else ""
    return f"{name}={allowed.shown(text)!r} must be {allowed}{f' ({ours})' if ours else ''}."


def _combined(values: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with settings that are right one by one."""
    if not {"signing_certificate", "signing_key"} <= values.keys():
        return
    chain, key = values["signing_certificate"], values["signing_key"]
    if bool(chain) != bool(key):
        yield "SIGNING_CERTIFICATE and SIGNING_KEY must be set together, or neither."
    elif chain:
        from media.certificate import certificate_from

        try:
            certificate_from(Path(chain), Path(key))
        except NamedError as error:
            yield f"SIGNING_CERTIFICATE={chain!r} and SIGNING_KEY={key!r}: {error}"
