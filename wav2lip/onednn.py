"""Convolutions whose weights lie in memory as the processor's kernels read them.

oneDNN, which multiplies for torch on a processor, otherwise brings the weights into that order at
every call, and writes a picture once more for the sum and once more for the ReLU of each layer;
here they are part of the multiplication. torch keeps these operators for its own compiler and names
them with an underscore: `packed` raises AttributeError, or RuntimeError, where they are not as
expected, and who calls it has the plain network to fall back on.
"""

import copy
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from wav2lip.networks import Conv, Upsample

Net = TypeVar("Net", bound=nn.Module)


def packed(network: Any) -> Any:
    """A copy of a network on the CPU, its batch norms folded already, of packed convolutions.

    It is for inference, on inputs in channels_last.
    """
    return _packed(of_same_weights(network))


def of_same_weights(network: Net) -> Net:
    """A copy for inference that takes no memory: its modules are its own, their numbers are not."""
    weights: dict[int, Any] = {
        id(each): nn.Parameter(each.detach(), requires_grad=False) for each in network.parameters()
    }
    return copy.deepcopy(network, weights | {id(each): each for each in network.buffers()})


def _packed(module: nn.Module) -> nn.Module:
    match module:
        case Conv():
            convolution = cast(nn.Conv2d, module.conv_block[0])
            return _PackedConv(convolution, "relu", module.residual)
        case Upsample():
            return _PackedUpsample(cast(nn.ConvTranspose2d, module.conv_block[0]))
        case nn.Conv2d():
            return _PackedConv(module, "none")
    for name, child in module.named_children():
        setattr(module, name, _packed(child))
    return module


class _PackedConv(nn.Module):
    """Convolution, the sum with the input where it is `residual`, and the activation."""

    def __init__(self, convolution: nn.Conv2d, activation: str, residual: bool = False) -> None:
        super().__init__()
        self._geometry = (
            list(convolution.padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        weight = convolution.weight
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry)
        self._bias = convolution.bias
        self._activation, self._residual = activation, residual

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise
        given = (self._weight, self._bias, *self._geometry)
        if self._residual:
            return convolve.binary(x, x, *given, "add", 1.0, self._activation, [], "")
        return convolve(x, *given, self._activation, [], "")


class _PackedUpsample(nn.Module):
    """Transposed convolution and ReLU."""

    def __init__(self, convolution: nn.ConvTranspose2d) -> None:
        super().__init__()
        self._geometry = (
            list(convolution.padding),
            list(convolution.output_padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        pack = torch.ops.mkldnn._reorder_convolution_transpose_weight
        self._weight = pack(convolution.weight, *self._geometry)
        self._bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_transpose_pointwise
        return convolve(x, self._weight, self._bias, *self._geometry, "relu", [], "")
