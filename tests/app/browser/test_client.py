"""The example client of the documentation, run as its reader would run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from media.probe import probe

pytestmark = pytest.mark.browser


def run(server: str, *words: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/client.py", *map(str, words)],
        env={**os.environ, "SERVER": server},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_makes_a_video_of_two_faces(
    base_url: str, two_faces: Path, short_voice: Path, tmp_path: Path
) -> None:
    answer = run(base_url, two_faces, short_voice, tmp_path / "result.mp4")
    assert answer.returncode == 0, answer.stderr
    info = probe(tmp_path / "result.mp4")
    assert (info.width, info.height, info.frames, info.has_audio) == (640, 300, 15, True)


def test_it_tells_what_is_wrong(base_url: str, short_voice: Path, tmp_path: Path) -> None:
    answer = run(base_url, short_voice, short_voice, tmp_path / "result.mp4")
    assert answer.returncode != 0
    assert answer.stderr.startswith("not-a-face-file: ")
