"""A region of every clip becomes a clip of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import cli
from dataset import crop
from media.errors import NamedError
from media.probe import probe
from media.sound import sound_duration
from media.video import read_frames


def two_colours(number: int, opening: float) -> np.ndarray:
    frame = np.zeros((48, 96, 3), np.uint8)
    frame[:, :48, 0] = 200
    frame[:, 48:, 2] = 200
    return frame


@pytest.fixture
def clips(write_footage: Callable[..., Path], tmp_path: Path) -> Path:
    write_footage(tmp_path / "clips" / "a" / "1.mp4", [(0.6, 0)], picture=two_colours)
    return tmp_path / "clips"


@pytest.mark.parametrize(("half", "channel"), [("left", 0), ("right", 2)])
def test_a_half(clips: Path, tmp_path: Path, half: crop.Half, channel: int) -> None:
    (clip,) = crop.main(clips, tmp_path / "out", half).kept
    assert clip.made == ("a/1.mp4",)
    path = tmp_path / "out" / "a" / "1.mp4"
    frames = list(read_frames(path))
    assert len(frames) == 15
    assert frames[0].shape == (48, 48, 3)
    assert np.argmax(frames[7].mean(axis=(0, 1))) == channel
    assert sound_duration(path) == pytest.approx(0.6, abs=0.03)


def test_a_region(clips: Path, tmp_path: Path) -> None:
    crop.main(clips, tmp_path / "out", (40, 8, 20, 30))
    info = probe(tmp_path / "out" / "a" / "1.mp4")
    assert (info.width, info.height) == (20, 30)


def test_a_region_outside_is_said(clips: Path, tmp_path: Path) -> None:
    report = crop.main(clips, tmp_path / "out", (80, 0, 40, 40))
    assert report.done.outcomes[0].reason.startswith("the region reaches outside")
    with pytest.raises(NamedError, match="no region"):
        crop.main(clips, tmp_path / "out", (-1, 0, 40, 40))


def test_one_of_half_and_region_must_be_given(clips: Path, tmp_path: Path) -> None:
    words = ["dataset", "crop", str(clips), str(tmp_path / "out")]
    for more in ([], ["--half", "left", "--region", "0", "0", "9", "9"]):
        answer = CliRunner().invoke(cli.main, [*words, *more])
        assert answer.exit_code == 2
        assert "Give either --region or --half." in answer.output
