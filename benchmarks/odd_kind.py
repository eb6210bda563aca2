"""A kind of odd input: how one is made by chance, and how its result is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from media.errors import NamedError
from media.probe import probe

Truth = TypeVar("Truth")


class WrongResult(Exception):
    """A result that is not what was asked for, without a word about it."""


@dataclass(frozen=True)
class OddInput(Generic[Truth]):
    """A file, what it is in a few words for the report, and what is known of it for the check."""

    path: Path
    description: str
    truth: Truth


@dataclass(frozen=True)
class Kind(Generic[Truth]):
    """A kind of input.

    `make` writes one, drawn with the generator, into an empty folder. `check` takes it the way that
    the program takes it, and raises WrongResult; a NamedError that it lets through is a good input
    that was refused, any other exception an error without a name.
    """

    name: str
    make: Callable[[np.random.Generator, Path], OddInput[Truth]]
    check: Callable[[OddInput[Truth]], None]


def require(holds: bool, otherwise: str) -> None:
    """Raise WrongResult with the text `otherwise` unless the condition holds."""
    if not holds:
        raise WrongResult(otherwise)


def require_refusal(work: Callable[[], Any], *codes: str) -> None:
    """Call `work`, which must raise a NamedError with one of the codes; else raise WrongResult."""
    try:
        work()
    except NamedError as error:
        require(error.code in codes, f"refused as {error.code}, not as {' or '.join(codes)}")
    else:
        raise WrongResult(f"taken, and not refused as {' or '.join(codes)}")


def check_refused(made: OddInput[str]) -> None:
    """A file that must be refused with the code that is its truth."""
    require_refusal(lambda: probe(made.path), made.truth)
