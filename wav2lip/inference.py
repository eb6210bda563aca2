"""Making a trained generator fast on the machine at hand, as long as it draws the same picture."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wav2lip.engine import Precision
from wav2lip.networks import LOWER_EXACT, LOWER_TOP, Wav2Lip
from wav2lip.onednn import Net, of_same_weights, packed

log = logging.getLogger(__name__)

# How far, in levels of 255, a faster generator may be from the one that was trained: on average and
# at most. In eight bits trained weights stayed within 0.3 and 4 with faces that they know how to
# draw, and weights made by a rule, to which every step matters, within 0.5.
HALF_ERRORS, INT8_ERRORS = (0.3, 3.0), (0.5, 5.0)


class Drawing(Protocol):
    """What an engine needs of a generator. What it is given, and what it draws, is float32; what is
    known of faces is its own affair. Tensors that are given are on the CPU.
    """

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
    the processor's library can. "fp32" computes exactly, "half" in half the precision where that
    is faster, "int8" in eight bits, on the processor, and "auto" as `in_eight_bits` and "half" say;
    all of it only as long as the pictures stay within the errors above. The network itself stays
    as it is.

    Raises NamedError `openvino-missing` for "int8" without the extra.
    """
    if in_eight_bits(device, precision) and (quantised := _quantised(network)):
        return quantised
    # Of the weights as they were read: loading must not take more memory than drawing does.
    exact = _example_drawn(Generator(network, "cpu", torch.float32))
    for dtype in dict.fromkeys((working_dtype(device, precision), torch.float32)):
        plain = _plain(network, device, dtype)
        for candidate in (_with_packed_weights(plain), plain):
            if candidate and _alike(_example_drawn(candidate), exact, HALF_ERRORS):
                return candidate
    return plain


def in_eight_bits(device: str, precision: str) -> bool:
    """Whether the paper's generator is to be tried in eight bits: where that is asked for, and
    of itself on processors that multiply them quickest, with the extra installed.
    """
    if precision != "auto":
        return precision == "int8"
    if not device.startswith("cpu") or find_spec("openvino") is None:
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(each) for each in ("avx512_vnni", "avx_vnni", "amx_int8"))


def channels_last(network: Net, device: str) -> Net:
    """The network itself, moved to `device`, its convolutions in the layout they are fastest in."""
    return convert_conv2d_weight_memory_format(network.to(device), torch.channels_last)


def _plain(network: Wav2Lip, device: str, dtype: torch.dtype) -> Generator:
    """Its batch norms folded, in the layout and the precision that are asked for."""
    folded = of_same_weights(network)
    fold_batch_norm(folded, dtype)
    return Generator(channels_last(folded.to(dtype), device), device, dtype)


def _quantised(network: Wav2Lip) -> Drawing | None:
    """None where it draws another picture."""
    from wav2lip.openvino_generator import Quantised  # which not everybody has
    from wav2lip.quantization import examples

    unseen = examples(4, seed=1)
    plain = _plain(network, "cpu", torch.float32)
    exact = _lower_drawn(plain, *unseen)
    quantised = Quantised(plain.network)
    if _alike(_lower_drawn(quantised, *unseen), exact, INT8_ERRORS):
        return quantised
    log.warning("These weights draw another picture in int8: it is not used.")
    return None


@torch.inference_mode()
def _lower_drawn(generator: Drawing, mel: Tensor, faces: Tensor) -> Tensor:
    drawn = generator.draw(mel, generator.encode(faces), lower=True)
    return drawn[:, :, LOWER_EXACT - LOWER_TOP :]


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


def fold_batch_norm(network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
    """Make each convolution followed by a batch norm one convolution of `dtype`, in place."""
    for module in network.modules():
        match list(getattr(module, "conv_block", ())):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm]:
                fused: nn.Module = fuse_conv_bn_eval(convolution, norm)
            case [nn.ConvTranspose2d() as convolution, nn.BatchNorm2d() as norm]:
                fused = fuse_conv_bn_eval(convolution, norm, transpose=True)
            case _:
                continue
        module.conv_block = nn.Sequential(fused.to(dtype))


def error(fast: Drawing, exact: Drawing) -> tuple[float, float]:
    """Mean and largest difference between what two generators draw, in levels of 255."""
    return _apart(_example_drawn(fast), _example_drawn(exact))


def _alike(fast: Tensor, exact: Tensor, errors: tuple[float, float]) -> bool:
    mean, largest = _apart(fast, exact)
    return mean <= errors[0] and largest <= errors[1]


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
