"""Int8 post-training quantization of the paper's generator.

Weights are quantized symmetrically to int8 with one scale per output channel, activations to 256
steps of one size per tensor (Krishnamoorthi, "Quantizing deep convolutional networks for efficient
inference", 2018). The range of an activation is calibrated on samples: the median of their maxima
times a headroom, since the largest maximum alone would make the steps coarse for all others.

Two methods of Nagel et al., "Data-free quantization through weight equalization and bias
correction", ICCV 2019, keep the error small. Cross-layer equalization: a channel with a larger
range than its neighbours is scaled down in the layers that produce it and up in those that consume
it, here by the root of its range (in full, the weights would lose what the activations gain). Bias
correction: the mean shift that quantization causes in a channel is subtracted from its bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from media.sample import VOICE
from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.networks import Conv, Upsample, Wav2Lip

# Samples of the calibration, how many of them are run at a time, and of the bias correction.
CALIBRATION_SAMPLES, BATCH_SIZE, CORRECTION_SAMPLES = 24, 2, 4
# The calibrated range is so many times the median of the samples' maxima. For the sound, and for
# maps of 1 x 1 pixel, it is that many times the largest of them: a value that saturates there
# shows all over the picture.
HEADROOM = 2.5
# A channel's range counts as at least this fraction of the largest of its tensor.
MIN_RANGE = 0.01
FACE_BOX = (180, 76, 272, 197)  # of the photograph, grown by the engine's pads below the chin

Layer = Conv | Upsample
ByLayer = dict[nn.Module, Tensor]
Range = tuple[float, float]


@dataclass(frozen=True)
class QuantizedLayer:
    """A layer whose weights are `weight * scale`."""

    weight: NDArray[np.int8]  # in torch's order
    scale: NDArray[np.float32]  # one per output channel, broadcastable to `weight`
    bias: NDArray[np.float32]  # (1, channels, 1, 1)
    input_range: Range  # least and largest input, quantized to 256 levels


@torch.inference_mode()
def quantize(network: Wav2Lip) -> dict[nn.Module, QuantizedLayer]:
    """The quantized layers of a generator, by its `Conv` and `Upsample` modules.

    `network` is on the CPU, float32, in eval mode, its batch norms folded
    (`inference.fold_batch_norm`). It is consumed: only the geometry of its layers remains.
    """
    mel, faces = calibration_data(CALIBRATION_SAMPLES)
    maxima = _calibrated_maxima(network, mel, faces)
    input_ranges: dict[nn.Module, Range] = {
        _residual_groups(network.face_encoder_blocks[0])[0][0]: (0.0, 1.0),
        network.audio_encoder[0]: (-4.0, 4.0),
    }
    for producers, consumers in _activations(network):
        scale = _equalize(producers, consumers, maxima)
        for layer, producer in _inputs(producers, consumers):
            least, largest = input_ranges.get(layer, (0.0, 0.0))
            largest = max(largest, (maxima[producer] / scale).max().item())
            input_ranges[layer] = (least, largest)
    mel, faces = mel[:CORRECTION_SAMPLES], faces[:CORRECTION_SAMPLES]
    exact = _channel_means(network, mel, faces)
    scales = {layer: _round_weights(layer) for layer in input_ranges}
    _correct_biases(network, input_ranges, exact, mel, faces)
    return {layer: _extract(layer, scales[layer], each) for layer, each in input_ranges.items()}


def calibration_data(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """`count` mel windows (n, 1, 80, 16) in -4..4 and faces (n, 6, 96, 96), BGR in 0..1.

    They are float32, as `Wav2Lip.forward` takes them: windows of the sample voice, and a photograph
    augmented by shift, mirroring and light. The same `seed` gives the same data.
    """
    from skimage.data import astronaut

    random = np.random.default_rng(seed)
    mel = mel_spectrogram(read_sound(VOICE, SAMPLE_RATE))
    starts = random.integers(0, mel.shape[1] - 16, count)
    windows = np.stack([mel[:, start : start + 16] for start in starts])
    faces = np.stack([_augmented(astronaut(), random) for _ in range(count)])
    whole = torch.from_numpy(faces).permute(0, 3, 1, 2).flip(1) / 255
    masked = whole.clone()
    masked[:, :, 48:] = 0
    return torch.from_numpy(windows)[:, None], torch.cat((masked, whole), dim=1)


def _augmented(photograph: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    """The face, shifted, mirrored or not, in some light: (96, 96, 3) in 0..255."""
    x1, y1, x2, y2 = (side + random.integers(-8, 9) for side in FACE_BOX)
    face = cv2.resize(photograph[y1:y2, x1:x2], (96, 96), interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        face = face[:, ::-1]
    light = random.uniform(0.5, 1.3) * random.uniform(0.85, 1.15, 3)
    return (face * light + random.uniform(-20, 20)).clip(0, 255).astype(np.float32)


def _calibrated_maxima(network: Wav2Lip, mel: Tensor, faces: Tensor) -> ByLayer:
    """The calibrated maximum of each output channel of each layer."""
    layers = _layers(network)
    # Allocated at once: otherwise the results of a batch would fragment the memory of the next.
    maxima = {each: torch.empty(len(mel), _convolution(each).out_channels) for each in layers}
    by_largest = set(network.audio_encoder)
    now = slice(0, 0)

    def observe(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        maxima[layer][now] = output.amax((2, 3))
        if output[0, 0].numel() == 1:
            by_largest.add(layer)

    hooks = [layer.register_forward_hook(observe) for layer in layers]
    for first in range(0, len(mel), BATCH_SIZE):
        now = slice(first, first + BATCH_SIZE)
        network(mel[now], faces[now])
    _remove(hooks)
    return {
        layer: HEADROOM * (each.amax(0) if layer in by_largest else each.median(0).values)
        for layer, each in maxima.items()
    }


Consumers = list[tuple[nn.Module, int]]  # with the input channel at which a tensor begins


def _activations(network: Wav2Lip) -> Iterator[tuple[list[nn.Module], Consumers]]:
    """The activation tensors: the layers that produce each, and the later ones that consume it.

    A residual layer adds its input to its output, so that both are one tensor with one scale.
    """
    decoders = [_residual_groups(block) for block in network.face_decoder_blocks]
    after = [decoder[0][0] for decoder in decoders[1:]] + [network.output_block[0]]
    for decoder, consumer in zip(decoders, after, strict=True):
        yield from _chained(decoder, [(consumer, 0)])
    encoders = [_residual_groups(block) for block in network.face_encoder_blocks]
    for at, encoder in enumerate(encoders):
        # A decoder's output and the skip connection of that size are concatenated in this order.
        decoder = decoders[-1 - at]
        consumers: Consumers = [(after[-1 - at], _convolution(decoder[-1][0]).out_channels)]
        if at + 1 < len(encoders):
            consumers.append((encoders[at + 1][0][0], 0))
        yield from _chained(encoder, consumers)
    yield from _chained(_residual_groups(network.audio_encoder), [(decoders[0][0][0], 0)])


def _residual_groups(layers: nn.Module) -> list[list[nn.Module]]:
    """The layers in order, each residual one in the group of the layer before it."""
    groups: list[list[nn.Module]] = []
    for layer in layers.children():
        if isinstance(layer, Conv) and layer.residual:
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return groups


def _chained(
    groups: list[list[nn.Module]], last: Consumers
) -> Iterator[tuple[list[nn.Module], Consumers]]:
    """Each group with its consumers: the next group, or `last`."""
    following: list[Consumers] = [[(group[0], 0)] for group in groups[1:]]
    yield from zip(groups, [*following, last], strict=True)


def _inputs(
    producers: list[nn.Module], consumers: Consumers
) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Each layer that reads the tensor, with the producer of what it reads."""
    yield from zip(producers[1:], producers[:-1], strict=True)
    for consumer, _ in consumers:
        yield consumer, producers[-1]


def _equalize(producers: list[nn.Module], consumers: Consumers, maxima: ByLayer) -> Tensor:
    """Divide the channels of a tensor by scales (channels,) and return these.

    The producers' weights are divided, the consumers' multiplied. The largest channel then has the
    maximum 1, so that concatenated tensors have quantization steps of one size.
    """
    largest = torch.stack([maxima[layer] for layer in producers]).amax(0)
    scale = (largest.clamp(MIN_RANGE * largest.max()) * largest.max()).sqrt()
    for layer in producers:
        _convolution(layer).bias /= scale
        _output_channels_last(layer).div_(scale)
    for layer, first in consumers:
        _input_channels_last(layer)[..., first : first + len(scale)].mul_(scale)
    for layer in producers[1:]:
        _input_channels_last(layer).mul_(scale)
    return scale


def _round_weights(layer: nn.Module) -> Tensor:
    """Round the weights to multiples of one scale per output channel; returns the scales."""
    weight = _convolution(layer).weight
    channel = 1 if isinstance(layer, Upsample) else 0
    largest = weight.abs().amax([at for at in range(4) if at != channel], keepdim=True)
    scale = largest.clamp(torch.finfo().tiny) / 127
    weight.div_(scale).round_().mul_(scale)
    return scale


def _extract(layer: nn.Module, scale: Tensor, input_range: Range) -> QuantizedLayer:
    """The quantized layer; the float32 weights, four times as large, are released."""
    convolution = _convolution(layer)
    weight = (convolution.weight / scale).round().to(torch.int8).numpy()
    bias = convolution.bias[None, :, None, None].numpy().copy()
    convolution.to("meta")
    return QuantizedLayer(weight, scale.numpy(), bias, input_range)


def _channel_means(network: Wav2Lip, mel: Tensor, faces: Tensor) -> ByLayer:
    """The means of the channels before the activation, (samples, channels), by convolution."""
    means: ByLayer = {}

    def observe(convolution: nn.Module, _inputs: Any, output: Tensor) -> None:
        means[convolution] = output.mean((2, 3))

    hooks = [_convolution(layer).register_forward_hook(observe) for layer in _layers(network)]
    network(mel, faces)
    _remove(hooks)
    return means


def _correct_biases(
    network: Wav2Lip,
    input_ranges: dict[nn.Module, Range],
    exact: ByLayer,
    mel: Tensor,
    faces: Tensor,
) -> None:
    """Add to each bias what the channel's mean is off from `exact`, layer after layer."""

    def correct(convolution: Any, _inputs: Any, output: Tensor) -> Tensor:
        # The median: one sample that saturates must not shift all others.
        error = (exact[convolution] - output.mean((2, 3))).median(0).values
        convolution.bias += error
        return output + error[:, None, None]

    def fake_quantize(least: float, largest: float) -> Any:
        step = (largest - least) / 255
        return lambda _, inputs: (((inputs[0].clamp(least, largest)) / step).round() * step,)

    hooks = []
    for layer, input_range in input_ranges.items():
        convolution = _convolution(layer)
        hooks += [
            convolution.register_forward_pre_hook(fake_quantize(*input_range)),
            convolution.register_forward_hook(correct),
        ]
    network(mel, faces)
    _remove(hooks)


def _layers(network: Wav2Lip) -> list[nn.Module]:
    return [each for each in network.modules() if isinstance(each, Layer)]


def _convolution(layer: nn.Module) -> Any:
    (convolution,) = layer.conv_block  # type: ignore[misc]
    return convolution


def _output_channels_last(layer: nn.Module) -> Tensor:
    """A view of the layer's weights, the axis of its output channels last."""
    weight: Tensor = _convolution(layer).weight
    return weight.movedim(1 if isinstance(layer, Upsample) else 0, -1)


def _input_channels_last(layer: nn.Module) -> Tensor:
    """A view of the layer's weights, the axis of its input channels last."""
    weight: Tensor = _convolution(layer).weight
    return weight.movedim(0 if isinstance(layer, Upsample) else 1, -1)


def _remove(hooks: list[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()
