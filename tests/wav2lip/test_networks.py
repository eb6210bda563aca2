"""Official checkpoints fit our networks, and give what they gave in the original's."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from face_alignment.detection.sfd.net_s3fd import s3fd
from torch import nn

from wav2lip import networks

PARITY = Path(__file__).parent / "parity"
KEYS = json.loads((PARITY / "state_dict_keys.json").read_text())
NETWORKS = {
    "wav2lip": networks.Wav2Lip,
    "syncnet": networks.SyncNet,
    "quality_discriminator": networks.QualityDiscriminator,
    "s3fd": s3fd,
}


def filled(name: str) -> nn.Module:
    """The network with the weights under which the vectors were made: a rule, not a file."""
    network = NETWORKS[name]().eval()
    network.load_state_dict({key: filling(key, shape) for key, shape in KEYS[name].items()})
    return network


def filling(key: str, shape: list[int]) -> torch.Tensor:
    n = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        n = 1 + 0.1 * np.abs(n)
    elif key.endswith(("running_mean", ".bias")):
        n = 0.1 * n
    elif len(shape) == 4:
        n = n / np.sqrt(np.prod(shape[1:]))
    else:
        n = 1 + 0.1 * n
    return torch.from_numpy(np.float32(n))


@pytest.fixture(scope="module")
def vectors() -> Iterator[dict[str, torch.Tensor]]:
    with np.load(PARITY / "vectors.npz") as arrays:
        yield {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_key_and_shape_is_the_originals(name: str) -> None:
    shapes = {key: list(value.shape) for key, value in NETWORKS[name]().state_dict().items()}
    assert shapes == KEYS[name]


@torch.inference_mode()
def test_generator_draws_what_the_original_draws(vectors: dict[str, torch.Tensor]) -> None:
    drawn = filled("wav2lip")(vectors["mel_in"], vectors["face_in"])
    torch.testing.assert_close(drawn, vectors["wav2lip_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_generator_draws_a_run_of_frames_as_it_draws_each(vectors: dict[str, torch.Tensor]) -> None:
    mel, faces = vectors["mel_in"], vectors["face_in"]
    network = filled("wav2lip")
    run = network(torch.stack([mel, mel.flip(0)], 1), torch.stack([faces, faces.flip(0)], 2))
    assert run.shape == (2, 3, 2, 96, 96)
    torch.testing.assert_close(run[:, :, 0], vectors["wav2lip_out"], atol=1e-4, rtol=0)
    torch.testing.assert_close(run[:, :, 1], vectors["wav2lip_out"].flip(0), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_expert_sees_and_hears_what_the_original_does(vectors: dict[str, torch.Tensor]) -> None:
    sound, mouth = filled("syncnet")(vectors["mel_in"], vectors["five_in"])
    torch.testing.assert_close(sound, vectors["syncnet_audio_out"], atol=1e-4, rtol=0)
    torch.testing.assert_close(mouth, vectors["syncnet_face_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_discriminator_judges_as_the_original_does(vectors: dict[str, torch.Tensor]) -> None:
    judged = filled("quality_discriminator")(vectors["clip_in"])
    torch.testing.assert_close(judged, vectors["quality_discriminator_out"], atol=1e-4, rtol=0)


@torch.inference_mode()
def test_the_face_detector_we_borrow_is_the_originals(vectors: dict[str, torch.Tensor]) -> None:
    mean = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
    maps = filled("s3fd")(vectors["image_in"] - mean)
    assert len(maps) == 12
    for number, found in enumerate(maps):
        expected = vectors[f"s3fd_{number}_out"]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
