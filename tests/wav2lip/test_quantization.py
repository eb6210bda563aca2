"""Equalization keeps what the generator draws, and int8 weights use their whole range."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch

from wav2lip import inference, quantization
from wav2lip.networks import Wav2Lip


@pytest.fixture
def network(new_generator: Callable[[], Wav2Lip]) -> Wav2Lip:
    network = new_generator()
    inference.fold_batch_norm(network)
    return network.requires_grad_(False)


@torch.inference_mode()
def test_equalized_activations_give_the_same_picture(network: Wav2Lip) -> None:
    mel, faces = quantization.calibration_data(1)
    picture = network(mel, faces)
    before = quantization._calibrated_maxima(network, mel, faces)
    for producers, consumers in quantization._activations(network):
        quantization._equalize(producers, consumers, before)
    after = quantization._calibrated_maxima(network, mel, faces)
    torch.testing.assert_close(network(mel, faces), picture, atol=1e-5, rtol=0)
    for producers, _ in quantization._activations(network):
        was, now = (
            torch.stack([each[layer] for layer in producers]).amax(0) for each in (before, after)
        )
        assert now.max() == pytest.approx(1)
        used = was > 0
        assert now[used].min() > (was[used].min() / was.max())


@torch.inference_mode()
def test_weights_are_multiples_of_their_scales(network: Wav2Lip) -> None:
    for layer, channel in ((network.output_block[0], 0), (network.face_decoder_blocks[6][0], 1)):
        before = copy.deepcopy(quantization._convolution(layer).weight)
        scale = quantization._round_weights(layer)
        quantized = quantization._extract(layer, scale, (0.0, 1.0))
        assert quantized.weight.dtype == np.int8
        difference = (before - torch.from_numpy(quantized.weight * quantized.scale)).abs()
        assert difference.max() <= 0.501 * quantized.scale.max()
        # Each output channel uses the whole range.
        whole = np.moveaxis(np.abs(quantized.weight.astype(int)), channel, 0)
        assert (whole.reshape(len(whole), -1).max(1) == 127).all()
