"""What is done to a generator before its numbers are rounded, and what rounding keeps."""

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
def test_maps_on_other_scales_give_the_same_picture(network: Wav2Lip) -> None:
    mel, faces = quantization.examples(1)
    before = network(mel, faces)
    reach = quantization._reach(network, mel, faces)
    for makers, readers in quantization._maps(network):
        quantization._balance(makers, readers, reach)
    after = quantization._reach(network, mel, faces)
    torch.testing.assert_close(network(mel, faces), before, atol=1e-5, rtol=0)
    for makers, _ in quantization._maps(network):
        was, now = (
            torch.stack([each[layer] for layer in makers]).amax(0) for each in (reach, after)
        )
        assert now.max() == pytest.approx(1)
        used = was > 0
        assert now[used].min() > (was[used].min() / was.max())


@torch.inference_mode()
def test_weights_are_whole_numbers_of_steps(network: Wav2Lip) -> None:
    for layer, made in ((network.output_block[0], 0), (network.face_decoder_blocks[6][0], 1)):
        before = copy.deepcopy(quantization._convolution(layer).weight)
        taken = quantization._taken(layer, quantization._round(layer), (0.0, 1.0))
        assert taken.weight.dtype == np.int8
        difference = (before - torch.from_numpy(taken.weight * taken.step)).abs()
        assert difference.max() <= 0.501 * taken.step.max()
        # Each channel that the layer makes uses the whole range.
        whole = np.moveaxis(np.abs(taken.weight.astype(int)), made, 0)
        assert (whole.reshape(len(whole), -1).max(1) == 127).all()
