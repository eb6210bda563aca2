"""Inference: a trained generator made fast on this machine, as long as it draws the same picture.

Batch norms are folded, weights prepacked or quantized, the precision lowered; every candidate is
compared with the generator as it was trained.
"""

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
from wav2lip.onednn import Net, packed, shared_weights_copy

log = logging.getLogger(__name__)

# The largest mean and maximum difference, in levels of 255, of a faster generator from the trained
# one. In int8 trained weights stayed within 0.3 and 4 with faces that they can draw, and weights
# made by a rule, to which every quantization step matters, within 0.5.
HALF_ERRORS, INT8_ERRORS = (0.3, 3.0), (0.5, 5.0)


class GeneratorBackend(Protocol):
    """What an engine needs of a generator. Inputs are float32 on the CPU, pictures float32 on any
    device; the features of faces are in a form that only the backend knows.
    """

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`."""
        ...

    def draw(self, mel: Tensor, features: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`."""
        ...


@dataclass(frozen=True)
class Generator:
    """The `GeneratorBackend` of torch: a network, and the device and precision of its weights."""

    network: Wav2Lip
    device: str
    dtype: torch.dtype

    def encode(self, faces: Tensor) -> list[Tensor]:
        """As `Wav2Lip.encode`, of float32 faces on the CPU."""
        faces = faces.to(self.device, self.dtype, memory_format=torch.channels_last)
        return self.network.encode(faces)

    def draw(self, mel: Tensor, features: Sequence[Tensor], lower: bool = False) -> Tensor:
        """As `Wav2Lip.draw`, of float32 mel on the CPU; the answer is float32 on the device."""
        return self.network.draw(mel.to(self.device, self.dtype), features, lower).float()


def best_device() -> str:
    """The fastest device here, as torch calls it: "cuda", "mps" or "cpu"."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def fastest(network: Wav2Lip, device: str, precision: Precision = "auto") -> GeneratorBackend:
    """The fastest backend of a generator for `device` whose pictures stay within the errors above.

    `network` is in eval mode, float32, and remains as it is. `precision` is that of
    `wav2lip.load`: "fp32", "half", "int8" (quantized, on the CPU), or "auto". The backend's batch
    norms are folded, and on a CPU its weights prepacked where torch can. Raises NamedError
    `openvino-missing` for "int8" without the extra.
    """
    if uses_int8(device, precision) and (quantized := _quantized(network)):
        return quantized
    # With the weights as they were read: loading must not take more memory than drawing does.
    exact = _drawn_test_input(Generator(network, "cpu", torch.float32))
    for dtype in dict.fromkeys((working_dtype(device, precision), torch.float32)):
        plain = _folded(network, device, dtype)
        for candidate in (_with_packed_weights(plain), plain):
            if candidate and _within(_drawn_test_input(candidate), exact, HALF_ERRORS):
                return candidate
    return plain


def uses_int8(device: str, precision: str) -> bool:
    """Whether the paper's generator is to be quantized to int8: for the precision "int8", and for
    "auto" on CPUs with instructions for int8 (VNNI, AMX) where the extra is installed.
    """
    if precision != "auto":
        return precision == "int8"
    if not device.startswith("cpu") or find_spec("openvino") is None:
        return False
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(each) for each in ("avx512_vnni", "avx_vnni", "amx_int8"))


def channels_last(network: Net, device: str) -> Net:
    """The network itself, moved to `device`, the weights of its convolutions in channels_last."""
    return convert_conv2d_weight_memory_format(network.to(device), torch.channels_last)


def _folded(network: Wav2Lip, device: str, dtype: torch.dtype) -> Generator:
    """The backend with folded batch norms, in channels_last and in `dtype`."""
    folded = shared_weights_copy(network)
    fold_batch_norm(folded, dtype)
    return Generator(channels_last(folded.to(dtype), device), device, dtype)


def _quantized(network: Wav2Lip) -> GeneratorBackend | None:
    """The int8 backend, None where its pictures differ too much."""
    from wav2lip.openvino_generator import OpenVinoGenerator  # an extra, and slow to import
    from wav2lip.quantization import calibration_data

    unseen = calibration_data(4, seed=1)
    plain = _folded(network, "cpu", torch.float32)
    exact = _drawn_lower(plain, *unseen)
    quantized = OpenVinoGenerator(plain.network)
    if _within(_drawn_lower(quantized, *unseen), exact, INT8_ERRORS):
        return quantized
    log.warning("These weights draw another picture in int8: it is not used.")
    return None


@torch.inference_mode()
def _drawn_lower(generator: GeneratorBackend, mel: Tensor, faces: Tensor) -> Tensor:
    drawn = generator.draw(mel, generator.encode(faces), lower=True)
    return drawn[:, :, LOWER_EXACT - LOWER_TOP :]


def _with_packed_weights(plain: Generator) -> Generator | None:
    """The backend with prepacked weights, None on other devices and where torch has no kernels."""
    if plain.device != "cpu":
        return None
    try:
        candidate = replace(plain, network=packed(plain.network))
        _drawn_test_input(candidate)
    except (AttributeError, RuntimeError):
        return None
    return candidate


def working_dtype(device: str, precision: str) -> torch.dtype:
    """The floating-point type of a network on `device` for a `precision` of `wav2lip.load`."""
    return torch.float32 if precision == "fp32" else fast_dtype(device)


def fast_dtype(device: str) -> torch.dtype:
    """The floating-point type in which the device multiplies fastest."""
    if not device.startswith("cpu"):
        return torch.float16
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return torch.bfloat16 if native else torch.float32


def fold_batch_norm(network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
    """Fold each batch norm into the convolution before it, which becomes `dtype`; in place."""
    for module in network.modules():
        match list(getattr(module, "conv_block", ())):
            case [nn.Conv2d() as convolution, nn.BatchNorm2d() as norm]:
                fused: nn.Module = fuse_conv_bn_eval(convolution, norm)
            case [nn.ConvTranspose2d() as convolution, nn.BatchNorm2d() as norm]:
                fused = fuse_conv_bn_eval(convolution, norm, transpose=True)
            case _:
                continue
        module.conv_block = nn.Sequential(fused.to(dtype))


def error(fast: GeneratorBackend, exact: GeneratorBackend) -> tuple[float, float]:
    """Mean and maximum difference of the pictures of two generators, in levels of 255."""
    return _difference(_drawn_test_input(fast), _drawn_test_input(exact))


def _within(fast: Tensor, exact: Tensor, errors: tuple[float, float]) -> bool:
    mean, largest = _difference(fast, exact)
    return mean <= errors[0] and largest <= errors[1]


def _difference(one: Tensor, other: Tensor) -> tuple[float, float]:
    difference = 255 * (one - other).abs()
    # NaN must not pass for a small difference.
    difference = difference.nan_to_num(nan=255.0)
    return difference.mean().item(), difference.max().item()


@torch.inference_mode()
def _drawn_test_input(generator: GeneratorBackend) -> Tensor:
    """The pictures of two smooth random faces and mel windows, always the same."""
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
