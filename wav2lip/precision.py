"""Making a trained generator fast on the machine at hand, as long as it draws the same picture."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval

# How far, in levels of 255, a faster generator may be from the one that was trained.
MEAN_ERROR = 0.3
MAX_ERROR = 3.0


def fastest(network: nn.Module, device: str) -> nn.Module:
    """A copy of a generator in eval mode for `device`, to be run by `draw`: batch norm folded, and
    in half the precision where the processor has it and the pictures stay within the errors above.
    """
    exact = copy.deepcopy(network).to(device)
    fold_batch_norm(exact)
    convert_conv2d_weight_memory_format(exact, torch.channels_last)
    dtype = fast_dtype(device)
    if dtype == torch.float32:
        return exact
    fast = copy.deepcopy(exact).to(dtype)
    mean, largest = error(fast, exact)
    return fast if mean <= MEAN_ERROR and largest <= MAX_ERROR else exact


def fast_dtype(device: str) -> torch.dtype:
    """The precision in which the device multiplies fastest."""
    if device.startswith("cuda"):
        return torch.float16
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return torch.bfloat16 if native else torch.float32


def fold_batch_norm(network: nn.Module) -> None:
    """Make each convolution followed by a batch norm one convolution, in place."""
    for module in network.modules():
        match list(getattr(module, "conv_block", ())):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm]:
                module.conv_block = nn.Sequential(fuse_conv_bn_eval(convolution, norm))
            case [nn.ConvTranspose2d() as convolution, nn.BatchNorm2d() as norm]:
                fused = fuse_conv_bn_eval(convolution, norm, transpose=True)
                module.conv_block = nn.Sequential(fused)


@torch.inference_mode()
def error(fast: nn.Module, exact: nn.Module) -> tuple[float, float]:
    """Mean and largest difference between what two generators draw, in levels of 255."""
    drawn = [draw(network, *_example()).cpu() for network in (fast, exact)]
    difference = 255 * (drawn[0] - drawn[1]).abs()
    # A difference that is no number must not pass for a small one.
    difference = difference.nan_to_num(nan=255.0)
    return difference.mean().item(), difference.max().item()


def draw(network: nn.Module, mel: Tensor, faces: Tensor) -> Tensor:
    """Run a generator on float32 inputs in its own device, precision and layout."""
    like = next(network.parameters())
    faces = faces.to(like.device, like.dtype, memory_format=torch.channels_last)
    return network(mel.to(like.device, like.dtype), faces).float()


def _example() -> tuple[Tensor, Tensor]:
    """Two pictures and sounds, smooth as real ones are, the same at every call."""
    random = torch.Generator().manual_seed(0)
    faces = functional.interpolate(
        torch.rand(2, 6, 8, 8, generator=random), (96, 96), mode="bicubic"
    )
    faces = faces.clamp(0, 1)
    faces[:, :3, 48:] = 0
    mel = functional.interpolate(
        torch.randn(2, 1, 10, 4, generator=random), (80, 16), mode="bilinear"
    )
    return (2 * mel - 1).clamp(-4, 4), faces
