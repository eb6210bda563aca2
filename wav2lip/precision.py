"""Making a trained generator fast on the machine at hand, as long as it draws the same picture."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wav2lip.engine import Precision
from wav2lip.networks import Wav2Lip
from wav2lip.packed import Net, of_same_weights, packed

log = logging.getLogger(__name__)

# How far, in levels of 255, a faster generator may be from the one that was trained: on average and
# at most. Eight bits are only used where they are asked for.
ERRORS = {torch.int8: (1.0, 12.0)}
HALF_ERRORS = (0.3, 3.0)


class Drawing(Protocol):
    """What an engine needs of a generator. Tensors are float32; those given are on the CPU."""

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`."""
        ...

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`."""
        ...


@dataclass(frozen=True)
class Generator:
    """A generator with the device, the precision and the layout that its weights are in."""

    network: Wav2Lip
    device: str
    dtype: torch.dtype

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`, of float32 faces on the CPU."""
        faces = faces.to(self.device, self.dtype, memory_format=torch.channels_last)
        return self.network.encode(faces)

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`, of float32 mel on the CPU; the answer is float32 on the device."""
        return self.network.draw(mel.to(self.device, self.dtype), known, lower).float()


def best_device() -> str:
    """What multiplies fastest here, as torch calls it: "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fastest(network: Wav2Lip, device: str, precision: Precision = "auto") -> Drawing:
    """A generator in eval mode made ready for `device`: batch norms folded, weights packed where
    the processor's library can, and, unless `precision` is "fp32", in half the precision where that
    is faster, or in eight bits where "int8" asks for them, on the processor; both as long as the
    pictures stay within the errors above. The network itself stays as it is.

    Raises NamedError `openvino-missing`.
    """
    if precision == "int8" and (quantised := _in_eight_bits(network)):
        return quantised
    # One copy of the weights at a time: loading must not take more memory than drawing does.
    exact = _example_drawn(_plain(network, device, torch.float32))
    for dtype in dict.fromkeys((working_dtype(device, precision), torch.float32)):
        plain = _plain(network, device, dtype)
        for candidate in (_with_packed_weights(plain), plain):
            if candidate and _draws_alike(candidate, exact):
                return candidate
    return plain


def channels_last(network: Net, device: str) -> Net:
    """The network itself, moved to `device`, its convolutions in the layout they are fastest in."""
    return convert_conv2d_weight_memory_format(network.to(device), torch.channels_last)


def _plain(network: Wav2Lip, device: str, dtype: torch.dtype) -> Generator:
    """Its batch norms folded, in the layout and the precision that are asked for."""
    folded = of_same_weights(network)
    fold_batch_norm(folded)
    return Generator(channels_last(folded.to(dtype), device), device, dtype)


def _in_eight_bits(network: Wav2Lip) -> Drawing | None:
    """None where it draws another picture."""
    from wav2lip.quantised import Quantised  # which not everybody uses

    plain = _plain(network, "cpu", torch.float32)
    quantised = Quantised(plain.network)
    if _draws_alike(quantised, _example_drawn(plain)):
        return quantised
    log.warning("These weights draw another picture in int8: it is not used.")
    return None


def _with_packed_weights(plain: Generator) -> Generator | None:
    """None where this torch has no such kernels, or the device needs none."""
    if plain.device != "cpu":
        return None
    try:
        candidate = replace(plain, network=packed(plain.network))
        _example_drawn(candidate)
    except (AttributeError, RuntimeError):
        return None
    return candidate


def working_dtype(device: str, precision: str) -> torch.dtype:
    """What a network works in where `precision` is asked for, eight bits left aside."""
    return torch.float32 if precision == "fp32" else fast_dtype(device)


def fast_dtype(device: str) -> torch.dtype:
    """The precision in which the device multiplies fastest."""
    if not device.startswith("cpu"):
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


def error(fast: Drawing, exact: Drawing) -> tuple[float, float]:
    """Mean and largest difference between what two generators draw, in levels of 255."""
    return _apart(_example_drawn(fast), _example_drawn(exact))


def _draws_alike(fast: Drawing, exact: Tensor) -> bool:
    mean, largest = _apart(_example_drawn(fast), exact)
    mean_error, max_error = ERRORS.get(fast.dtype, HALF_ERRORS)
    return mean <= mean_error and largest <= max_error


def _apart(one: Tensor, other: Tensor) -> tuple[float, float]:
    difference = 255 * (one - other).abs()
    # A difference that is no number must not pass for a small one.
    difference = difference.nan_to_num(nan=255.0)
    return difference.mean().item(), difference.max().item()


@torch.inference_mode()
def _example_drawn(generator: Drawing) -> Tensor:
    """What is drawn of two pictures and sounds, smooth as real ones are, always the same."""
    random = torch.Generator().manual_seed(0)
    faces = functional.interpolate(
        torch.rand(2, 6, 8, 8, generator=random), (96, 96), mode="bicubic"
    )
    faces = faces.clamp(0, 1)
    faces[:, :3, 48:] = 0
    mel = functional.interpolate(
        torch.randn(2, 1, 10, 4, generator=random), (80, 16), mode="bilinear"
    )
    return generator.draw((2 * mel - 1).clamp(-4, 4), generator.encode(faces)).cpu()
