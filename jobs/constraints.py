"""What a setting may be: each constraint reads a text, and says in words what it allows.

`read` gives the value, or raises ValueError, with a reason where `str(constraint)` alone does not
say what is wrong. `shown` is how a value may be printed: without what is secret in it.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import checkpoints

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"


class Constraint:
    """Any text; the others narrow it."""

    def read(self, text: str) -> Any:
        return text

    def shown(self, value: object) -> str:
        return str(value)

    def __str__(self) -> str:
        return "any text"


class Secret(Constraint):
    """A key; it is never printed."""

    def shown(self, value: object) -> str:
        return "(set)" if value else ""


class Password(Secret):
    """A password, or its hash as `werkzeug.security.generate_password_hash` makes it."""

    def read(self, text: str) -> str:
        hashed = r"scrypt:[1-9]\d*:[1-9]\d*:[1-9]\d*\$[^$]+\$[0-9a-f]+"
        if text.startswith("scrypt:") and not re.fullmatch(hashed, text):
            raise ValueError
        return text

    def __str__(self) -> str:
        return "any text; what begins with scrypt: must be a whole hash, scrypt:N:R:P$SALT$HASH"


@dataclass(frozen=True)
class Choice(Constraint):
    values: tuple[str, ...]

    def read(self, text: str) -> str:
        if text not in self.values:
            raise ValueError
        return text

    def __str__(self) -> str:
        return _either(self.values)


@dataclass(frozen=True)
class IntRange(Constraint):
    low: int
    high: int | None = None

    def read(self, text: str) -> int:
        value = int(text)
        if value < self.low or (self.high is not None and value > self.high):
            raise ValueError
        return value

    def __str__(self) -> str:
        if self.high is None:
            return f"a whole number, {self.low} or more"
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class FloatRange(Constraint):
    low: float
    high: float

    def read(self, text: str) -> float:
        value = float(text)
        if not self.low <= value <= self.high:  # not a number is in no range
            raise ValueError
        return value

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"


class Host(Constraint):
    """Where a server listens: `processes.serve` and gunicorn's --bind take no bare IPv6 address."""

    def read(self, text: str) -> str:
        if not re.fullmatch(_HOST, text):
            raise ValueError
        return text

    def __str__(self) -> str:
        return "an IPv4 address or the name of a host"


class HostNames(Constraint):
    """What `app.allowed_hosts` takes."""

    def read(self, text: str) -> str:
        for each in (part.strip() for part in text.split(",")):
            if each != "*" and not re.fullmatch(rf"\.?{_HOST}", each):
                raise ValueError(f"{each!r} is none of them")
        return text

    def __str__(self) -> str:
        return "names with commas between, .NAME with all below it, or * for any name"


class Hosts(Constraint):
    """What `jobs.webhook_url.parse` takes as its `allowed`."""

    def read(self, text: str) -> str:
        for each in (part.strip() for part in text.split(",")):
            host, _, port = each.partition(":") if each.count(":") == 1 else (each, "", "")
            literal = re.fullmatch(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", host)  # IPv6
            if not (literal or re.fullmatch(_HOST, host)) or (
                each != host and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
            ):
                raise ValueError(f"{each!r} is neither")
        return text

    def __str__(self) -> str:
        return "hosts, each HOST or HOST:PORT, with commas between"


class Address(Constraint):
    """A URL; who logs in with which password is not printed, nor what follows a ? or #."""

    def shown(self, value: object) -> str:
        anonymous = re.sub(r"^([a-z0-9+.-]+:/*)?.*@", r"\1***@", str(value), flags=re.DOTALL)
        return re.sub(r"[?#].*", "?***", anonymous, flags=re.DOTALL)


@dataclass(frozen=True)
class Url(Address):
    schemes: tuple[str, ...]

    def read(self, text: str) -> str:
        scheme, _, rest = text.partition("://")
        if scheme not in self.schemes or not rest:
            raise ValueError
        try:
            self.parse(text)
        except ValueError:
            raise ValueError from None  # what it says may quote a password
        return text

    def parse(self, url: str) -> None:
        """Raises ValueError for a URL that is wrong though its scheme is right."""
        _ = urlsplit(url).port

    def __str__(self) -> str:
        return f"a URL that begins with {_either([f'{scheme}://' for scheme in self.schemes])}"


class DatabaseUrl(Url):
    def parse(self, url: str) -> None:
        import sqlalchemy as sa

        try:
            sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise ValueError from error


class StorageUrl(Address):
    """An address that fsspec can open here, or a folder by its absolute path."""

    def read(self, text: str) -> str:
        if text.startswith("/"):
            return str(Folder().read(text))
        scheme, _, rest = text.partition("://")
        if not rest.strip("/"):
            raise ValueError
        import fsspec

        try:
            fsspec.get_filesystem_class(scheme)
        except ImportError as error:
            raise ValueError(str(error)) from None
        return text

    def __str__(self) -> str:
        return (
            "s3://BUCKET/PREFIX, another address of fsspec whose package is installed, or the "
            "absolute path of a folder"
        )


class Folder(Constraint):
    """A folder, or where one can be made; an absolute path is what is given."""

    def read(self, text: str) -> Path:
        path = Path(text).resolve()
        there = next(each for each in (path, *path.parents) if each.exists())
        if not there.is_dir():
            raise ValueError(f"{there} is a file")
        return path

    def __str__(self) -> str:
        return "the path of a folder, which need not exist yet"


class File(Constraint):
    """A file that can be read; an absolute path is what is given."""

    def read(self, text: str) -> str:
        path = Path(text).resolve()
        if not path.is_file() or not os.access(path, os.R_OK):
            raise ValueError
        return str(path)

    def __str__(self) -> str:
        return "the path of a file that can be read"


class Weights(Constraint):
    """A checkpoint that moves mouths; whether its weights are whole is seen when they are read."""

    def read(self, text: str) -> str:
        if not checkpoints.may_be(text, checkpoints.GENERATORS):
            raise ValueError
        path = Path(text)
        return str(path.resolve()) if path == checkpoints.find_file(text) else text

    def __str__(self) -> str:
        listed = ", ".join(checkpoints.names(checkpoints.GENERATORS))
        return f"{listed}, or the name or path of a file of such weights"


def _either(values: Sequence[str]) -> str:
    *others, last = values
    return f"{', '.join(others)} or {last}"
