"""A few of the kills of `python -m tests.faults`."""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.material import recipes
from tests.faults.program import Program

pytestmark = pytest.mark.slow


def test_kills_at_any_moment_lose_nothing_and_leave_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path)
    try:
        report = Campaign(program, recipes(tmp_path), seed=7).run(kills=10)
    finally:
        program.stop()
    assert report.kills.total() >= 10
    assert report.jobs >= 3
