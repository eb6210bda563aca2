"""What ships of a training run."""

from pathlib import Path

import torch
from click.testing import CliRunner

from wav2lip import expert
from wav2lip.training import shrink


def test_a_shrunk_expert_answers_as_before_from_a_small_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = expert.LightSyncNet().eval()
    trained = {
        "architecture": "syncnet",
        "config": {"steps": 2},
        "state_dict": network.state_dict(),
        "optimizer": {},
        "global_step": 2,
    }
    torch.save(trained, tmp_path / "run.pt")
    words = [str(tmp_path / name) for name in ("run.pt", "small.pt")]
    answer = CliRunner().invoke(shrink.command, words)
    assert answer.exit_code == 0, answer.output
    size = (tmp_path / "small.pt").stat().st_size
    assert answer.stdout == f"{size} bytes\n"
    assert size < 4_000_000

    mel, faces = torch.randn(2, 1, 80, 16), torch.rand(2, 15, 48, 96)
    with torch.inference_mode():
        before, after = network(mel, faces), expert.load(tmp_path / "small.pt")(mel, faces)
    for one, two in zip(before, after, strict=True):
        assert torch.allclose(one, two, atol=2e-3)
    content = torch.load(tmp_path / "small.pt", weights_only=True)
    assert content["config"] == {"steps": 2}
    assert "optimizer" not in content
