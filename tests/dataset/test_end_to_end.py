"""From raw footage to fine-tuned weights that move a mouth, by the commands of docs/dataset.md."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from skimage import data

import cli
from media.probe import probe


def mouth(*words: object) -> str:
    """Runs the command; returns what it prints."""
    answer = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.mark.slow
def test_from_footage_to_a_talking_picture(
    write_footage: Callable[..., Path],
    photograph: Path,
    short_voice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    cup = np.ascontiguousarray(data.coffee()[:192, :192])
    for day, spans in enumerate([[(1.6, 0.5), (0.4, 0.5), (1.4, 0.5)], [(1.5, 0.5)]]):
        write_footage(tmp_path / "footage" / f"day{day}.mp4", spans, seed=day, beside=cup)

    assert "4 in, 3 kept" in mouth("dataset", "clips", "footage", "clips")
    assert "3 in, 3 kept" in mouth("dataset", "crop", "clips", "left", "--half", "left")
    assert "3 in, 3 kept" in mouth("dataset", "keep", "left", "hers", "--person", photograph)
    loose = ("--fit", -1, "--margin", -1, "--by-folder")
    assert "3 in, 3 kept" in mouth("dataset", "sync", "hers", "synced", *loose)
    assert "3 in, 3 kept" in mouth("dataset", "prepare", "synced", "prepared")
    shares = ("--shares", 0.6, 0.4, 0)
    assert "3 in, 3 kept" in mouth("dataset", "split", "prepared", *shares, "--by-folder")
    for words in (("clips", "footage", "clips"), ("prepare", "synced", "prepared")):
        assert "nothing to do" in mouth("dataset", *words)

    short = ("--steps", 2, "--look-every", 2)
    expert = mouth("train", "expert", "prepared", "expert", *short, "--clips", 2).split()[-1]
    teach = ("train", "generator", "prepared")
    learn = (*short, "--batch", 1, "--expert", expert)
    first = mouth(*teach, "first", *learn).split()[-1]
    tuned = mouth(*teach, "tuned", *learn, "--start", first).split()[-1]

    mouth("animate", photograph, short_voice, "--checkpoint", tuned, "-o", "talking.mp4")
    assert probe("talking.mp4").frames == 15
    assert Path(first).read_bytes() != Path(tuned).read_bytes()
