"""The generator in eight bits: about the same picture, and never another one."""

import copy
import logging
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

import wav2lip
from media.errors import NamedError
from wav2lip import precision
from wav2lip.networks import LOWER_EXACT, LOWER_TOP, Wav2Lip
from wav2lip.quantised import Quantised, examples

FACE = np.array([[180.0, 76.0, 272.0, 197.0]])
needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="OpenVINO is an extra: requirements-openvino.txt"
)


@pytest.fixture(scope="module")
def trained(filled: Callable[[str], dict[str, Tensor]]) -> Wav2Lip:
    """A generator with its batch norms folded, in single precision."""
    with torch.device("meta"):
        network = Wav2Lip().eval()
    state = {key: value.clone() for key, value in filled("wav2lip").items()}
    network.load_state_dict(state, assign=True)
    precision.fold_batch_norm(network)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def quantised(trained: Wav2Lip) -> Quantised:
    return Quantised(trained)


@needs_openvino
def test_unseen_faces_are_drawn_as_the_trained_network_draws_them(
    trained: Wav2Lip, quantised: Quantised
) -> None:
    mel, faces = examples(4, seed=1)
    exact = trained(mel, faces)
    drawn = quantised.draw(mel, quantised.encode(faces))
    assert drawn.shape == (4, 3, 96, 96)
    # It is well below what tells one drawn face from another.
    apart = (exact[0] - exact[1]).abs().mean()
    assert (drawn - exact).abs().mean() < 0.2 * apart
    assert 255 * (drawn - exact).abs().mean() < 1


@needs_openvino
def test_the_lower_part_and_a_still_are_drawn_as_the_whole(quantised: Quantised) -> None:
    mel, faces = examples(3)
    faces = faces[:1].expand(3, -1, -1, -1)
    whole = quantised.draw(mel, quantised.encode(faces))
    still = [each[[0] * 3] for each in quantised.encode(faces[:1])]
    lower = quantised.draw(mel, still, lower=True)
    difference = 255 * (lower[:, :, LOWER_EXACT - LOWER_TOP :] - whole[:, :, LOWER_EXACT:]).abs()
    # Where a number lies half way between two steps, the order of a sum decides.
    assert difference.mean() < 0.05


@needs_openvino
def test_what_one_call_gave_stays_when_the_next_is_made(quantised: Quantised) -> None:
    _, faces = examples(2)
    first = quantised.encode(faces[:1])
    before = [each.clone() for each in first]
    quantised.encode(faces[1:])
    assert all(torch.equal(a, b) for a, b in zip(first, before, strict=True))


@needs_openvino
def test_it_is_used_where_it_is_asked_for(
    filled: Callable[[str], dict[str, Tensor]], tmp_path: Path
) -> None:
    torch.save(filled("wav2lip"), tmp_path / "own.pth")
    engine = wav2lip.load(tmp_path / "own.pth", precision="int8")
    assert engine.device == "cpu"
    mel, _ = examples(1)
    (frame,) = engine.render([astronaut()], FACE, mel[:, 0].numpy())
    (exact,) = wav2lip.load(tmp_path / "own.pth", precision="fp32").render(
        [astronaut()], FACE, mel[:, 0].numpy()
    )
    assert (frame != astronaut()).any()
    difference = np.abs(frame.astype(int) - exact)
    assert difference.sum() > 0
    assert difference.max() <= 6


@needs_openvino
def test_weights_that_it_draws_otherwise_are_drawn_as_usual(
    trained: Wav2Lip, caplog: pytest.LogCaptureFixture
) -> None:
    network = copy.deepcopy(trained)
    network.output_block[1].weight.data *= 1000  # every rounding error becomes black or white
    with caplog.at_level(logging.WARNING):
        generator = precision.fastest(network, "cpu", "int8")
    assert generator.dtype != torch.int8
    assert "another picture in int8" in caplog.text


def test_without_the_extra_it_is_said_how_to_get_it(
    filled: Callable[[str], dict[str, Tensor]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    torch.save(filled("wav2lip"), tmp_path / "own.pth")
    with pytest.raises(NamedError, match=r"requirements-openvino\.txt") as missing:
        wav2lip.load(tmp_path / "own.pth", precision="int8")
    assert missing.value.code == "openvino-missing"
    assert wav2lip.load(tmp_path / "own.pth").architecture == "wav2lip"
