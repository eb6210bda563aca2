"""Fine-tuning the weights that ship to one speaker, by the command."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import checkpoints
import cli
from wav2lip.compact.engine import CompactEngine
from wav2lip.training import av_offset


@pytest.mark.slow
def test_compact_is_tuned_to_a_speaker(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av_offset, "IN_SYNC", -1.0)  # a buzz is no speech
    few = [f"--{what}-steps=2" for what in ("voice", "reader", "renderer", "critic")]
    words = ["train", "compact", str(clips), str(tmp_path), "--start", "compact", *few]
    answer = CliRunner().invoke(cli.main, [*words, "--processes", "1"])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[-1] == str(tmp_path / "compact.pt")
    CompactEngine.from_checkpoint(tmp_path / "compact.pt")

    before, after = (
        torch.load(path, weights_only=True)
        for path in (checkpoints.require("compact"), tmp_path / "compact.pt")
    )
    assert len(after["voice"]) == len(before["voice"])
    apart = [
        (after["renderer"][name].float() - value.float()).abs().max()
        for name, value in before["renderer"].items()
        if name.endswith("weight")
    ]
    (voice,), renderer = after["config"]["voice"], after["config"]["renderer"]
    assert (voice["steps"], renderer["critic_steps"]) == (2, 2)
    assert voice["start"] == renderer["start"] == "compact.pt"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for stage in ("voice-0", "voice-1", "reader", "pairs", "critic"):
        assert f"<h2>{stage}</h2>" in page
    assert "reference, drawn, real (learned persons)" in page
    # A few small steps away from where it began, not a beginning anew.
    assert 0 < max(apart) < 0.05


def test_only_compact_weights_are_gone_on_from(tmp_path: Path) -> None:
    generator = tmp_path / "generator.pt"
    torch.save({"architecture": "wav2lip"}, generator)
    words = ["train", "compact", str(tmp_path), str(tmp_path / "run"), "--start", str(generator)]
    answer = CliRunner().invoke(cli.main, words)
    assert answer.exit_code == 1
    assert "holds no compact weights" in answer.stderr
