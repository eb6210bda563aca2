"""The lag of a clip as an expert finds it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

import checkpoints
from wav2lip.training import realign, windows


@dataclass(frozen=True)
class Dial:
    """A clip whose frames are as bright, and its sounds as loud, as they are late."""

    late: int  # frames by which the sound comes later
    length: int = 30
    region: windows.Region = (0, 0, 96, 96)
    name: str = "dial"
    person: str = "nobody"

    def faces(self, first: int, count: int) -> np.ndarray:
        brightness = 4 * np.arange(first, first + count, dtype=np.uint8)[:, None, None, None]
        return np.broadcast_to(brightness, (count, 96, 96, 3)).copy()

    def mel_window(self, first: int) -> np.ndarray:
        return np.full((80, 16), (first - self.late) / 60, np.float32)

    def mouth_shapes(self, first: int) -> np.ndarray:
        return np.full((5, 8), np.nan, np.float32)


class Reading(nn.Module):
    """Tells the time of a Dial, as a place on a circle."""

    def forward(self, mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        # The middle frame of five is two later than the sound that begins with the first.
        times = mel.mean((1, 2, 3)) * 60, faces.mean((1, 2, 3)) * 255 / 4 - 2
        sound, mouth = (torch.stack((torch.cos(t / 20), torch.sin(t / 20)), 1) for t in times)
        return sound, mouth


@pytest.mark.parametrize("late", [-2, 0, 3])
def test_the_sound_is_moved_to_where_it_fits(late: int) -> None:
    assert realign.closest(Reading(), Dial(late)) == late


def test_what_fits_nowhere_near_is_left_alone() -> None:
    assert realign.closest(Reading(), Dial(9)) == 0


def test_only_clips_to_learn_from_get_new_lags(prepared: Path, clips: Path, tmp_path: Path) -> None:
    lags, out = tmp_path / "lags.json", tmp_path / "new.json"
    lags.write_text(json.dumps({"talk/second.mp4": 1, "talk/third.mp4": -6}))
    words = [prepared, checkpoints.require("expert"), lags, out, "--table", clips / "clips.csv"]
    answer = CliRunner().invoke(realign.command, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    found = json.loads(out.read_text())
    assert found.keys() == {"talk/second.mp4", "talk/third.mp4"}
    assert abs(found["talk/second.mp4"] - 1) < realign.FURTHEST
    assert found["talk/third.mp4"] == -6, "a held-out person's"
