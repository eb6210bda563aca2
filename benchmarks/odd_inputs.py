"""Odd inputs as people send them, drawn by chance and checked, one after the other.

    python -m benchmarks.odd_inputs [--minutes N] [--seed N] [--only WORD] [--keep FOLDER]

Every input must give the right result, or be refused by the right name: the exit status is 1 if
one did not. An input is drawn from the seed and its number alone, so that `--seed S --first N`
begins with it again; inputs that went wrong are copied to the folder of `--keep`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import odd_jobs, odd_pictures, odd_sounds, odd_videos, odd_voices
from benchmarks.odd_kind import Kind, WrongResult
from media.errors import NamedError

# The registry: every module of kinds has its own, and each kind is drawn as often as any other.
KINDS: tuple[Kind[Any], ...] = tuple(
    kind
    for module in (odd_sounds, odd_voices, odd_pictures, odd_videos, odd_jobs)
    for kind in module.KINDS
)


@dataclass(frozen=True)
class Outcome:
    """How an input fared: `verdict` is right, wrong, refused (a good one) or unnamed (an error)."""

    number: int
    kind: str
    verdict: str
    description: str
    explanation: str = ""


def draw(kinds: Sequence[Kind[Any]], seed: int, number: int, keep: Path | None = None) -> Outcome:
    """Make the input of a number, check it, and say how it fared."""
    rng = np.random.default_rng((seed, number))
    kind = kinds[int(rng.integers(len(kinds)))]
    with TemporaryDirectory() as folder:
        made = kind.make(rng, Path(folder))
        verdict, explanation = _checked(kind, made)
        if verdict != "right" and keep is not None:
            shutil.copytree(folder, keep / f"{seed}-{number}", dirs_exist_ok=True)
    return Outcome(number, kind.name, verdict, made.description, explanation)


def _checked(kind: Kind[Any], made: Any) -> tuple[str, str]:
    try:
        kind.check(made)
    except WrongResult as wrong:
        return "wrong", str(wrong)
    except NamedError as error:
        return "refused", f"{error.code}: {error.message}"
    except Exception:  # what has no name is what is looked for
        return "unnamed", traceback.format_exc()
    return "right", ""


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The lines of the table of counts by kind."""
    counts = Counter((each.kind, each.verdict) for each in outcomes)
    verdicts = ("right", "wrong", "refused", "unnamed")
    yield f"{'kind':<24}" + "".join(f"{verdict:>10}" for verdict in verdicts)
    for kind in sorted({each.kind for each in outcomes}):
        yield f"{kind:<24}" + "".join(f"{counts[kind, verdict]:10}" for verdict in verdicts)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--minutes", type=float, default=60, help="how long to go on (60)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=0, help="the number of the first input")
    options.add_argument("--only", default="", help="kinds whose names contain this word")
    options.add_argument("--keep", type=Path, help="a folder for inputs that went wrong")
    chosen = options.parse_args()
    kinds = [kind for kind in KINDS if chosen.only in kind.name]
    end, outcomes = time.monotonic() + 60 * chosen.minutes, list[Outcome]()
    for number in count(chosen.first):
        outcomes.append(draw(kinds, chosen.seed, number, chosen.keep))
        last = outcomes[-1]
        if last.verdict != "right":
            print(f"{number} {last.kind}, {last.description}: {last.verdict}", flush=True)
            print(f"    {last.explanation}", flush=True)
        if time.monotonic() >= end:
            break
    print("\n".join(table(outcomes)))
    sys.exit(any(each.verdict != "right" for each in outcomes))


if __name__ == "__main__":
    main()
