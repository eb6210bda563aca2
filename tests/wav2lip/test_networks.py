"""Official checkpoints fit our networks, and give what they gave in the original's."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from face_alignment.detection.sfd.net_s3fd import s3fd
from torch import Tensor, nn

from wav2lip import networks

PARITY = Path(__file__).parent / "parity"
KEYS = json.loads((PARITY / "state_dict_keys.json").read_text())
NETWORKS = {
    "wav2lip": networks.Wav2Lip,
    "syncnet": networks.SyncNet,
    "quality_discriminator": networks.QualityDiscriminator,
    "s3fd": s3fd,
}
Build = Callable[[str], nn.Module]


@pytest.fixture
def build(filled: Callable[[str], dict[str, Tensor]]) -> Build:
    def network(name: str) -> nn.Module:
        with torch.device("meta"):
            built = NETWORKS[name]().eval()
        built.load_state_dict(filled(name), assign=True)
        return built

    return network


@pytest.fixture(scope="module")
def vectors() -> Iterator[dict[str, Tensor]]:
    with np.load(PARITY / "vectors.npz") as arrays:
        yield {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_key_and_shape_is_the_originals(name: str) -> None:
    with torch.device("meta"):
        network = NETWORKS[name]()
    shapes = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert shapes == KEYS[name]


@torch.inference_mode()
def test_generator_draws_what_the_original_draws(build: Build, vectors: dict[str, Tensor]) -> None:
    drawn = build("wav2lip")(vectors["mel_in"], vectors["face_in"])
    torch.testing.assert_close(drawn, vectors["wav2lip_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_generator_draws_a_run_of_frames_as_it_draws_each(
    build: Build, vectors: dict[str, Tensor]
) -> None:
    mel, faces = vectors["mel_in"], vectors["face_in"]
    run = build("wav2lip")(
        torch.stack([mel, mel.flip(0)], 1), torch.stack([faces, faces.flip(0)], 2)
    )
    assert run.shape == (2, 3, 2, 96, 96)
    torch.testing.assert_close(run[:, :, 0], vectors["wav2lip_out"], atol=1e-4, rtol=0)
    torch.testing.assert_close(run[:, :, 1], vectors["wav2lip_out"].flip(0), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_expert_sees_and_hears_what_the_original_does(
    build: Build, vectors: dict[str, Tensor]
) -> None:
    sound, mouth = build("syncnet")(vectors["mel_in"], vectors["five_in"])
    torch.testing.assert_close(sound, vectors["syncnet_audio_out"], atol=1e-4, rtol=0)
    torch.testing.assert_close(mouth, vectors["syncnet_face_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_discriminator_judges_as_the_original_does(
    build: Build, vectors: dict[str, Tensor]
) -> None:
    judged = build("quality_discriminator")(vectors["clip_in"])
    torch.testing.assert_close(judged, vectors["quality_discriminator_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_the_face_detector_we_borrow_is_the_originals(
    build: Build, vectors: dict[str, Tensor]
) -> None:
    mean = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
    maps = build("s3fd")(vectors["image_in"] - mean)
    assert len(maps) == 12
    for number, found in enumerate(maps):
        torch.testing.assert_close(found, vectors[f"s3fd_{number}_out"], atol=1e-4, rtol=1e-5)
