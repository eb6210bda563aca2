"""The paper's generator in numbers of eight bits, computed by OpenVINO: an extra for processors.

A convolution reads its input and its weights in 256 steps. How far a layer's input reaches is
looked up on examples (a photographed face in many lights, a spoken sentence), how far its weights
reach in each channel for itself (Krishnamoorthi, "Quantizing deep convolutional networks for
efficient inference", 2018). Where a layer adds its input to what it makes, that is in steps too.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from media.errors import NamedError
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.networks import LOWER_STARTS, Conv, Upsample, Wav2Lip

EXAMPLES = 24
VOICE = Path(__file__).resolve().parent.parent / "static" / "sample" / "voice.mp3"
FACE = (180, 76, 272, 197)  # in the photograph, a chin's length longer than its box
# Maps between the encoder and the decoder, from 96 pixels down to 1: their channels.
MAPS = (16, 32, 64, 128, 256, 512, 512)

Reach = dict[nn.Module, tuple[float, float]]  # the least and the largest input of a layer


class Quantised:
    """Stands where `precision.Generator` stands; on a processor, whatever else there is.

    Raises NamedError `openvino-missing` where the extra is not installed.
    """

    device = "cpu"
    dtype = torch.int8

    def __init__(self, network: Wav2Lip) -> None:
        """`network` is in eval mode, on the CPU, in float32, its batch norms folded."""
        self._graphs = _Graphs(network, _reach(network))

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`."""
        return self._run(self._encoder, faces)

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`."""
        (drawn,) = self._run(self._lower if lower else self._whole, mel, *known)
        return drawn

    @cached_property
    def _encoder(self) -> Any:
        return _compiled(self._graphs.encoder())

    @cached_property
    def _lower(self) -> Any:
        return _compiled(self._graphs.decoder(LOWER_STARTS))

    @cached_property
    def _whole(self) -> Any:
        return _compiled(self._graphs.decoder((0,) * len(LOWER_STARTS)))

    def _run(self, compiled: Any, *given: Tensor) -> list[Tensor]:
        answer = compiled([np.ascontiguousarray(each.numpy()) for each in given])
        # The next call writes over what this one gave.
        return [torch.from_numpy(np.array(answer[each])) for each in compiled.outputs]


class _Graphs:
    """OpenVINO's graphs of a generator's two halves."""

    def __init__(self, network: Wav2Lip, reach: Reach) -> None:
        self._network, self._reach = network, reach
        self._ops = _openvino().opset15

    def encoder(self) -> Any:
        faces = x = self._ops.parameter([-1, 6, 96, 96], np.float32)
        known = []
        for block in self._network.face_encoder_blocks:
            x = self._layers(x, block)
            known.append(x)
        return _openvino().Model(known, [faces], "encoder")

    def decoder(self, starts: Sequence[int]) -> Any:
        """From the sound and what is known of the faces; `starts` as in `Wav2Lip.draw`."""
        mel = self._ops.parameter([-1, 1, 80, 16], np.float32)
        sides = [96 >> at for at in range(len(MAPS) - 1)] + [1]
        known = [
            self._ops.parameter([-1, channels, side, side], np.float32)
            for channels, side in zip(MAPS, sides, strict=True)
        ]
        x, first = self._layers(mel, self._network.audio_encoder), 0
        blocks = self._network.face_decoder_blocks
        for block, skip, start in zip(blocks, reversed(known), starts, strict=True):
            x = self._layers(x, block)
            x = self._ops.concat([self._below(x, start - 2 * first), self._below(skip, start)], 1)
            first = start
        convolve, to_colours, _ = self._network.output_block
        drawn = self._ops.sigmoid(self._plain(self._layers(x, [convolve]), to_colours))
        return _openvino().Model([drawn], [mel, *known], "decoder")

    def _layers(self, x: Any, layers: Any) -> Any:
        for layer in layers:
            x = self._layer(x, layer)
        return x

    def _layer(self, x: Any, layer: Conv | Upsample) -> Any:
        ops, convolution = self._ops, cast(Any, layer.conv_block[0])
        x = self._stepped(x, *self._reach[layer])
        geometry = (convolution.padding, convolution.padding, convolution.dilation)
        if isinstance(layer, Upsample):
            weight = self._weight(convolution.weight, channel=1)
            out = ops.convolution_backprop_data(
                x,
                weight,
                list(convolution.stride),
                None,
                *map(list, geometry),
                output_padding=list(convolution.output_padding),
            )
        else:
            weight = self._weight(convolution.weight, channel=0)
            out = ops.convolution(x, weight, list(convolution.stride), *map(list, geometry))
        out = ops.add(out, _constant(convolution.bias[None, :, None, None]))
        residual = isinstance(layer, Conv) and layer.residual
        return ops.relu(ops.add(out, x) if residual else out)

    def _plain(self, x: Any, convolution: Any) -> Any:
        """A convolution of one place, in full: the last one, in which each step would show."""
        ops = self._ops
        out = ops.convolution(x, _constant(convolution.weight), [1, 1], [0, 0], [0, 0], [1, 1])
        return ops.add(out, _constant(convolution.bias[None, :, None, None]))

    def _weight(self, weight: Tensor, channel: int) -> Any:
        most = weight.abs().amax([at for at in range(4) if at != channel], keepdim=True)
        ends = [_constant(side) for side in (-most, most)]
        return self._ops.fake_quantize(_constant(weight), *ends, *ends, levels=255)

    def _stepped(self, x: Any, least: float, largest: float) -> Any:
        if least < 0:
            largest = max(-least, largest)
            least = -largest * 128 / 127
        ends = [np.float32(least if least < 0 else 0), np.float32(largest)]
        return self._ops.fake_quantize(x, *ends, *ends, levels=256)

    def _below(self, x: Any, row: int) -> Any:
        return self._ops.slice(x, [row], [np.iinfo(np.int32).max], [1], [2]) if row else x


@torch.inference_mode()
def _reach(network: Wav2Lip) -> Reach:
    reach: Reach = {}

    def look(layer: nn.Module, given: tuple[Tensor, ...], _made: Tensor) -> None:
        reach[layer] = given[0].min().item(), given[0].max().item()

    layers = [each for each in network.modules() if isinstance(each, Conv | Upsample)]
    hooks = [each.register_forward_hook(look) for each in layers]
    network(*examples(EXAMPLES))
    for hook in hooks:
        hook.remove()
    return reach


def examples(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Sounds (count, 1, 80, 16) and faces (count, 6, 96, 96) as the generator gets them."""
    from skimage.data import astronaut

    random = np.random.default_rng(seed)
    mel = mel_spectrogram(read_sound(VOICE, SAMPLE_RATE))
    starts = random.integers(0, mel.shape[1] - 16, count)
    sounds = np.stack([mel[:, start : start + 16] for start in starts])
    faces = np.stack([_lit(astronaut(), random) for _ in range(count)])
    whole = torch.from_numpy(faces).permute(0, 3, 1, 2).flip(1) / 255
    masked = whole.clone()
    masked[:, :, 48:] = 0
    return torch.from_numpy(sounds)[:, None], torch.cat((masked, whole), dim=1)


def _lit(photograph: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    """The face, somewhat aside, as it is or mirrored, in some light: (96, 96, 3) in 0..255."""
    x1, y1, x2, y2 = (side + random.integers(-8, 9) for side in FACE)
    face = cv2.resize(photograph[y1:y2, x1:x2], (96, 96), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        face = face[:, ::-1]
    light = random.uniform(0.4, 1.4) * random.uniform(0.8, 1.2, 3)
    return (face * light + random.uniform(-30, 30)).clip(0, 255).astype(np.float32)


def _constant(values: Tensor) -> Any:
    return _openvino().opset15.constant(values.detach().numpy())


def _compiled(model: Any) -> Any:
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        # What is not in eight bits; half precision would save 4 % and double the error.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return _openvino().Core().compile_model(model, "CPU", settings)


def _openvino() -> Any:
    try:
        import openvino
        import openvino.opset15
    except ModuleNotFoundError as error:
        raise NamedError(
            "openvino-missing",
            "The precision int8 needs OpenVINO, which is not installed.",
            "Run `pip install --no-deps -r requirements-openvino.txt`, or use the precision auto.",
        ) from error
    return openvino
