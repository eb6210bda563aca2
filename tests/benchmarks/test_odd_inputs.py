"""Odd inputs are drawn again by their number, and what went wrong with one is told apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import odd_pictures, odd_videos
from benchmarks.odd_inputs import KINDS, draw, table
from benchmarks.odd_kind import Kind, OddInput, require, require_refusal
from media.errors import unsupported


def make(rng: np.random.Generator, folder: Path) -> OddInput[int]:
    path = folder / "input"
    path.write_text("kept")
    number = int(rng.integers(1000))
    return OddInput(path, str(number), number)


def refuse() -> None:
    raise unsupported()


def stumble(made: OddInput[int]) -> None:
    raise ZeroDivisionError(made.truth)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (lambda made: require(made.path.read_text() == "kept", "lost"), "right"),
        (lambda made: require_refusal(refuse, "unsupported-type"), "right"),
        (lambda made: require(False, "differs"), "wrong"),
        (lambda made: require_refusal(refuse, "too-large"), "wrong"),
        (lambda made: require_refusal(lambda: None, "too-large"), "wrong"),
        (lambda made: refuse(), "refused"),
        (stumble, "unnamed"),
    ],
)
def test_each_verdict(check, verdict, tmp_path):
    outcome = draw([Kind("made-up", make, check)], 7, 3, tmp_path)
    assert outcome.verdict == verdict
    assert (tmp_path / "7-3").exists() == (verdict != "right")
    head, row = table([outcome])
    assert dict(zip(head.split()[1:], row.split()[1:], strict=True))[verdict] == "1"


def test_an_input_is_drawn_again_by_its_number():
    kinds = [Kind("made-up", make, lambda made: None)]
    first, second = (draw(kinds, 7, 3).description for _ in range(2))
    assert first == second != draw(kinds, 7, 4).description


@pytest.mark.parametrize(
    "kind", [*odd_pictures.KINDS, *odd_videos.KINDS], ids=lambda each: each.name
)
def test_an_odd_picture_or_video_is_right(kind: Kind[Any]) -> None:
    outcome = draw([kind], 0, 0)
    assert outcome.verdict == "right", outcome


def test_kinds_have_names_of_their_own():
    assert len({kind.name for kind in KINDS}) == len(KINDS)
