"""Convolutions with prepacked weights: laid out in memory as oneDNN's kernels read them.

oneDNN, torch's backend for convolutions on a CPU, otherwise reorders the weights at every call, and
writes a feature map once more for the residual sum and once more for the ReLU of each layer; here
both are fused into the convolution. torch keeps these operators for its own compiler and names
them with an underscore: `packed` raises AttributeError, or RuntimeError, where they are not as
expected, and its caller falls back on the plain network.
"""

import copy
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from wav2lip.networks import Conv, Upsample

Net = TypeVar("Net", bound=nn.Module)


def packed(network: Any) -> Any:
    """A copy of a network whose convolutions are prepacked, for inference.

    `network` is on the CPU with its batch norms folded; inputs must be in channels_last. Raises
    AttributeError or RuntimeError where this torch has no such kernels.
    """
    return _packed(shared_weights_copy(network))


def shared_weights_copy(network: Net) -> Net:
    """A copy for inference that takes no memory: new modules around the same tensors."""
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
    """Convolution, the sum with the input where it is `residual`, and the activation, fused."""

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
        arguments = (self._weight, self._bias, *self._geometry)
        if self._residual:
            return convolve.binary(x, x, *arguments, "add", 1.0, self._activation, [], "")
        return convolve(x, *arguments, self._activation, [], "")


class _PackedUpsample(nn.Module):
    """Transposed convolution and ReLU, fused."""

    def __init__(self, convolution: nn.ConvTranspose2d) -> None:
        super().__init__()
        self._geometry = (
            list(convolution.padding),
            list(convolution.output_padding),
            list(convolution.stride),
            list(convolution.dilation),
            convolution.groups,
        )
        reorder = torch.ops.mkldnn._reorder_convolution_transpose_weight
        self._weight = reorder(convolution.weight, *self._geometry)
        self._bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_transpose_pointwise
        return convolve(x, self._weight, self._bias, *self._geometry, "relu", [], "")
