"""The generator in eight bits: the same picture within a level or four, and never another one."""

import copy
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

import wav2lip
from media.errors import NamedError
from wav2lip import inference
from wav2lip.networks import LOWER_EXACT, LOWER_TOP, Wav2Lip
from wav2lip.openvino_generator import OpenVinoGenerator
from wav2lip.quantization import calibration_data
from wav2lip.wav2lip_engine import Wav2LipEngine

FACE = np.array([[180.0, 76.0, 272.0, 197.0]])
needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="OpenVINO is an extra: requirements-openvino.txt"
)


@pytest.fixture(scope="module")
def network(new_generator: Callable[[], Wav2Lip]) -> Wav2Lip:
    return new_generator().requires_grad_(False)


@pytest.fixture(scope="module")
def quantized(network: Wav2Lip) -> OpenVinoGenerator:
    # Without VNNI products of bytes saturate at 16 bits: the errors are larger, and half is taken.
    if not torch.cpu.get_capabilities().get("avx512_vnni"):
        pytest.skip("this processor has no VNNI")
    quantized = inference.fastest(network, "cpu", "int8")
    assert isinstance(quantized, OpenVinoGenerator)
    return quantized


@needs_openvino
def test_unseen_faces_are_drawn_as_the_trained_network_draws_them(
    network: Wav2Lip, quantized: OpenVinoGenerator
) -> None:
    mel, faces = calibration_data(4, seed=2)
    exact = network(mel, faces)
    drawn = quantized.draw(mel, quantized.encode(faces))
    assert drawn.shape == (4, 3, 96, 96)
    # It is well below what tells one drawn face from another.
    apart = (exact[0] - exact[1]).abs().mean()
    assert (drawn - exact).abs().mean() < 0.2 * apart
    assert 255 * (drawn - exact).abs().mean() < 0.6
    assert 255 * (drawn - exact).abs().max() < 4


@needs_openvino
def test_the_lower_part_and_a_still_are_drawn_as_the_whole(quantized: OpenVinoGenerator) -> None:
    mel, faces = calibration_data(3)
    faces = faces[:1].expand(3, -1, -1, -1)
    whole = quantized.draw(mel, quantized.encode(faces))
    still = [each[[0] * 3] for each in quantized.encode(faces[:1])]
    lower = quantized.draw(mel, still, lower=True)
    difference = 255 * (lower[:, :, LOWER_EXACT - LOWER_TOP :] - whole[:, :, LOWER_EXACT:]).abs()
    # Where a number lies half way between two steps, the order of a sum decides.
    assert difference.mean() < 0.05


@needs_openvino
def test_what_one_call_gave_stays_when_the_next_is_made(quantized: OpenVinoGenerator) -> None:
    _, faces = calibration_data(2)
    first = quantized.encode(faces[:1])
    before = [each.clone() for each in first]
    quantized.encode(faces[1:])
    assert all(torch.equal(a, b) for a, b in zip(first, before, strict=True))


@needs_openvino
def test_two_threads_draw_as_one(quantized: OpenVinoGenerator) -> None:
    mel, faces = calibration_data(8)
    known = quantized.encode(faces)
    halves = [(mel[at::2], [each[at::2] for each in known]) for at in (0, 1)] * 3
    alone = [quantized.draw(*half, lower=True) for half in halves]
    with ThreadPoolExecutor(2) as threads:
        beside = list(threads.map(lambda half: quantized.draw(*half, lower=True), halves))
    assert all(torch.equal(a, b) for a, b in zip(alone, beside, strict=True))


@needs_openvino
def test_it_is_used_where_it_is_quick_and_always_draws_the_same(
    filled: Callable[[str], dict[str, Tensor]],
    quantized: OpenVinoGenerator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    torch.save(filled("wav2lip"), tmp_path / "own.pth")
    engine, exact = (
        wav2lip.load(tmp_path / "own.pth", "cpu", precision=each) for each in ("auto", "fp32")
    )
    assert isinstance(engine, Wav2LipEngine)
    assert isinstance(exact, Wav2LipEngine)
    mel, faces = calibration_data(2)
    once, again = (
        each.draw(mel, each.encode(faces), lower=True) for each in (quantized, engine._generator)
    )
    assert torch.equal(once, again)

    (frame,) = engine.render([astronaut()], FACE, mel[:1, 0].numpy())
    (plain,) = exact.render([astronaut()], FACE, mel[:1, 0].numpy())
    difference = np.abs(frame.astype(int) - plain)
    assert 0 < difference.max() <= 5


@needs_openvino
def test_weights_that_it_draws_otherwise_are_drawn_as_usual(
    network: Wav2Lip, caplog: pytest.LogCaptureFixture
) -> None:
    network = copy.deepcopy(network)
    network.output_block[1].weight.data *= 1000  # every rounding error becomes black or white
    with caplog.at_level(logging.WARNING):
        generator = inference.fastest(network, "cpu", "int8")
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


@pytest.mark.parametrize(
    ("device", "asked", "capability", "taken"),
    [
        ("cpu", "auto", "avx512_vnni", True),
        ("cpu", "auto", "avx2", False),
        ("cuda", "auto", "avx512_vnni", False),
        ("cpu", "half", "avx512_vnni", False),
        ("cpu", "fp32", "avx512_vnni", False),
        ("cuda", "int8", "avx2", True),
    ],
)
def test_what_is_tried_in_eight_bits(
    device: str, asked: str, capability: str, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    monkeypatch.setattr(inference, "find_spec", lambda name: name)
    assert inference.uses_int8(device, asked) is taken


def test_without_the_extra_it_is_only_tried_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not inference.uses_int8("cpu", "auto")
    assert inference.uses_int8("cpu", "int8")
