"""The sync experts: unit vectors of sounds and mouths, whichever network is in the file."""

from pathlib import Path

import pytest
import torch

from media.errors import NamedError
from wav2lip import expert
from wav2lip.expert import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_an_expert_in_a_file_is_known_by_its_keys(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    # As parallel training writes it, in half precision.
    halved = {f"module.{key}": value.half() for key, value in network.state_dict().items()}
    torch.save({"state_dict": halved}, tmp_path / "expert.pth")
    loaded = expert.load(tmp_path / "expert.pth")
    assert type(loaded) is NETWORKS[name]
    assert not loaded.training

    mel, faces = torch.randn(2, 1, 80, 16), torch.rand(2, 15, 48, 96)
    with torch.inference_mode():
        sound, mouth = loaded(mel, faces)
    assert sound.shape == mouth.shape
    for unit in (sound, mouth):
        assert unit.norm(dim=1) == pytest.approx([1, 1], abs=1e-4)
        # So that a cosine is a probability.
        assert unit.min() >= 0


def test_the_light_expert_is_a_tenth_of_the_papers() -> None:
    light, paper = (
        sum(p.numel() for p in NETWORKS[name]().parameters()) for name in ("light", "paper")
    )
    assert light < paper / 9


def test_other_weights_are_no_expert(tmp_path: Path) -> None:
    torch.save({"state_dict": {"some.weight": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(NamedError) as error:
        expert.load(tmp_path / "other.pt")
    assert error.value.code == "checkpoint-corrupt"
