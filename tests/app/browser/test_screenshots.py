"""The script that draws the pictures of the documentation, run as its reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]


def test_it_draws_every_screenshot_that_is_shown(
    base_url: str, chromium: str, tmp_path: Path
) -> None:
    answer = subprocess.run(
        [sys.executable, "docs/make_screenshots.py", tmp_path],
        cwd=ROOT,
        env={**os.environ, "SERVER": base_url, "CHROMIUM": chromium, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    for shown in (ROOT / "docs" / "screenshots").iterdir():
        with Image.open(shown) as old, Image.open(tmp_path / shown.name) as new:
            assert new.width == old.width
            assert len(new.getcolors(2**24) or []) > 1000  # no empty page
