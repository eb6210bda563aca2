"""The paper's generator in whole numbers of eight bits, so that little is lost.

A convolution reads its input in 256 steps of one size, and its weights in 255 steps of a size for
each channel that it makes (Krishnamoorthi, "Quantizing deep convolutional networks for efficient
inference", 2018). How far an input reaches is looked up on examples: in half of them, with room to
spare. What a single one reaches would make the steps coarse for all others. Two means
of Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019:
a channel that reaches farther than its neighbours is made smaller by the layers that make it, and
larger by those that read it, here by the root of its reach (in full, the weights would lose what
the maps win); and what rounding moves a channel by on average is taken off again by its bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from media.sound import read_sound
from wav2lip.audio import SAMPLE_RATE, mel_spectrogram
from wav2lip.networks import Conv, Upsample, Wav2Lip

EXAMPLES, AT_ONCE, CORRECTED = 24, 2, 4
# A map may reach so many times as far as in half of the examples; a sound, and what is known of
# a face in a single place, as far as in all: there, what leaves the steps shows all over.
ROOM = 2.5
LEAST = 0.01  # of the reach of a map's farthest channel: a channel counts as reaching so far
VOICE = Path(__file__).resolve().parent.parent / "static" / "sample" / "voice.mp3"
FACE = (180, 76, 272, 197)  # in the photograph, a chin's length longer than its box

Layer = Conv | Upsample
Reach = dict[nn.Module, Tensor]
Ends = tuple[float, float]


@dataclass(frozen=True)
class Rounded:
    """A layer in whole numbers: its weights are `weight * step`."""

    weight: NDArray[np.int8]  # in torch's order
    step: NDArray[np.float32]  # of each channel that it makes, to be multiplied with `weight`
    bias: NDArray[np.float32]  # (1, channels, 1, 1)
    ends: Ends  # from where to where its input reaches, in 256 steps


@torch.inference_mode()
def rounded(network: Wav2Lip) -> dict[nn.Module, Rounded]:
    """The layers of a generator on the CPU, in float32, its batch norms folded.

    The network is used up: only its geometry stays.
    """
    mel, faces = examples(EXAMPLES)
    reach = _reach(network, mel, faces)
    ends: dict[nn.Module, Ends] = {
        _stretches(network.face_encoder_blocks[0])[0][0]: (0.0, 1.0),
        network.audio_encoder[0]: (-4.0, 4.0),
    }
    for makers, readers in _maps(network):
        scale = _balance(makers, readers, reach)
        for layer, map_ in _inputs(makers, readers):
            least, largest = ends.get(layer, (0.0, 0.0))
            ends[layer] = (least, max(largest, (reach[map_] / scale).max().item()))
    mel, faces = mel[:CORRECTED], faces[:CORRECTED]
    exact = _means(network, mel, faces)
    steps = {layer: _round(layer) for layer in ends}
    _correct(network, ends, exact, mel, faces)
    return {layer: _taken(layer, steps[layer], end) for layer, end in ends.items()}


def _reach(network: Wav2Lip, mel: Tensor, faces: Tensor) -> Reach:
    """How far what each layer makes may reach, by channels."""
    layers = _layers(network)
    # Made at once, or what is kept of a batch lies between the memory of one and of the next.
    seen = {each: torch.empty(len(mel), _convolution(each).out_channels) for each in layers}
    by_all = set(network.audio_encoder)
    now = slice(0, 0)

    def look(layer: nn.Module, _given: Any, made: Tensor) -> None:
        seen[layer][now] = made.amax((2, 3))
        if made[0, 0].numel() == 1:
            by_all.add(layer)

    hooks = [layer.register_forward_hook(look) for layer in layers]
    for first in range(0, len(mel), AT_ONCE):
        now = slice(first, first + AT_ONCE)
        network(mel[now], faces[now])
    _remove(hooks)
    return {
        layer: ROOM * (each.amax(0) if layer in by_all else each.median(0).values)
        for layer, each in seen.items()
    }


Readers = list[tuple[nn.Module, int]]  # with the first of their channels that a map is read as


def _maps(network: Wav2Lip) -> Iterator[tuple[list[nn.Module], Readers]]:
    """The layers that make a map, and those beyond that read it.

    A layer that adds its input to what it makes goes on with the same map: both are scaled alike.
    """
    decoders = [_stretches(block) for block in network.face_decoder_blocks]
    beyond = [decoder[0][0] for decoder in decoders[1:]] + [network.output_block[0]]
    for decoder, reader in zip(decoders, beyond, strict=True):
        yield from _linked(decoder, [(reader, 0)])
    encoders = [_stretches(block) for block in network.face_encoder_blocks]
    for at, encoder in enumerate(encoders):
        # A decoder's map and the encoder's of that size are read as one, in this order.
        decoder = decoders[-1 - at]
        readers: Readers = [(beyond[-1 - at], _convolution(decoder[-1][0]).out_channels)]
        if at + 1 < len(encoders):
            readers.append((encoders[at + 1][0][0], 0))
        yield from _linked(encoder, readers)
    yield from _linked(_stretches(network.audio_encoder), [(decoders[0][0][0], 0)])


def _stretches(layers: nn.Module) -> list[list[nn.Module]]:
    stretches: list[list[nn.Module]] = []
    for layer in layers.children():
        if isinstance(layer, Conv) and layer.residual:
            stretches[-1].append(layer)
        else:
            stretches.append([layer])
    return stretches


def _linked(
    stretches: list[list[nn.Module]], beyond: Readers
) -> Iterator[tuple[list[nn.Module], Readers]]:
    following: list[Readers] = [[(stretch[0], 0)] for stretch in stretches[1:]]
    yield from zip(stretches, [*following, beyond], strict=True)


def _inputs(makers: list[nn.Module], readers: Readers) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Who reads what one of the makers makes: the next of them, or those beyond."""
    yield from zip(makers[1:], makers[:-1], strict=True)
    for reader, _ in readers:
        yield reader, makers[-1]


def _balance(makers: list[nn.Module], readers: Readers, reach: Reach) -> Tensor:
    """What the channels of a map are divided by: in the makers' weights, and back in the readers'.

    The farthest then reaches 1, so that maps which are read as one have steps of one size.
    """
    most = torch.stack([reach[layer] for layer in makers]).amax(0)
    scale = (most.clamp(LEAST * most.max()) * most.max()).sqrt()
    for layer in makers:
        _convolution(layer).bias /= scale
        _by_channels(layer, made=True).div_(scale)
    for layer, first in readers:
        _by_channels(layer, made=False)[..., first : first + len(scale)].mul_(scale)
    for layer in makers[1:]:
        _by_channels(layer, made=False).mul_(scale)
    return scale


def _round(layer: nn.Module) -> Tensor:
    """Make the weights whole numbers of steps, and say how large those are."""
    weight = _convolution(layer).weight
    channel = 1 if isinstance(layer, Upsample) else 0
    most = weight.abs().amax([at for at in range(4) if at != channel], keepdim=True)
    step = most.clamp(torch.finfo().tiny) / 127
    weight.div_(step).round_().mul_(step)
    return step


def _taken(layer: nn.Module, step: Tensor, ends: Ends) -> Rounded:
    """What is to be known of a layer; its own numbers are let go, four times as large."""
    convolution = _convolution(layer)
    whole = (convolution.weight / step).round().to(torch.int8).numpy()
    bias = convolution.bias[None, :, None, None].numpy().copy()
    convolution.to("meta")
    return Rounded(whole, step.numpy(), bias, ends)


def _means(network: Wav2Lip, mel: Tensor, faces: Tensor) -> Reach:
    """What each channel is on average before its activation: (examples, channels)."""
    means: Reach = {}

    def look(convolution: nn.Module, _given: Any, made: Tensor) -> None:
        means[convolution] = made.mean((2, 3))

    hooks = [_convolution(layer).register_forward_hook(look) for layer in _layers(network)]
    network(mel, faces)
    _remove(hooks)
    return means


def _correct(
    network: Wav2Lip, ends: dict[nn.Module, Ends], exact: Reach, mel: Tensor, faces: Tensor
) -> None:
    """Give each layer the bias with which it makes on average what it made before rounding."""

    def correct(convolution: Any, _given: Any, made: Tensor) -> Tensor:
        # By the median: one example that leaves the steps must not move all others.
        moved = (exact[convolution] - made.mean((2, 3))).median(0).values
        convolution.bias += moved
        return made + moved[:, None, None]

    def rounding(least: float, largest: float) -> Any:
        step = (largest - least) / 255
        return lambda _, given: (((given[0].clamp(least, largest)) / step).round() * step,)

    hooks = []
    for layer, (least, largest) in ends.items():
        convolution = _convolution(layer)
        hooks += [
            convolution.register_forward_pre_hook(rounding(least, largest)),
            convolution.register_forward_hook(correct),
        ]
    network(mel, faces)
    _remove(hooks)


def _layers(network: Wav2Lip) -> list[nn.Module]:
    return [each for each in network.modules() if isinstance(each, Layer)]


def _convolution(layer: nn.Module) -> Any:
    (convolution,) = layer.conv_block  # type: ignore[misc]
    return convolution


def _by_channels(layer: nn.Module, made: bool) -> Tensor:
    """A layer's weights, the channels that it makes, or that it reads, last."""
    weight: Tensor = _convolution(layer).weight
    return weight.movedim(0 if made != isinstance(layer, Upsample) else 1, -1)


def _remove(hooks: list[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()


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
    light = random.uniform(0.5, 1.3) * random.uniform(0.85, 1.15, 3)
    return (face * light + random.uniform(-20, 20)).clip(0, 255).astype(np.float32)
