"""The teacher of the speech encoder: the first layers of Whisper's encoder.

    features = Teacher.load("tiny.en.pt")(samples)

From OpenAI's own file (Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022; MIT licence), or from an .npz with the names of CTranslate2. Its weights are in
no checkpoint of this project: it is needed for training alone.
"""

from collections.abc import Mapping
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wav2lip import weights

RATE = 50  # features in a second
WIDTH = 384
HEAD_COUNT = 6
# Later layers say more of words and less of sounds: mouths are told best from the second.
LAYERS = 2
MEL_HOP = 160
N_FFT = 400
# Whisper hears 30 s at a time; the features of 10 s agree with those at a correlation of 0.999.
LONGEST = 30 * 16_000
# Of the names in an .npz of CTranslate2, those that are not `name/weight` and `name/bias`.
_CT2_NORM = {"gamma": "weight", "beta": "bias"}


class Teacher:
    """Sound (n,) float32 16 kHz in -1..1, 30 s at most -> features (n // 320, 384) float32."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        """`parameters` are named as in OpenAI's file, without `encoder.`, query, key and value of
        a layer joined as `attn.qkv`.
        """
        self._parameters = {name: value.float() for name, value in parameters.items()}
        filters = librosa.filters.mel(sr=16_000, n_fft=N_FFT, n_mels=80)
        self._filters = torch.from_numpy(filters.astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> "Teacher":
        """The teacher in an .npz or a .pt file; raises NamedError `checkpoint-corrupt`."""
        try:
            if path.suffix == ".npz":
                with np.load(path) as arrays:
                    return cls(_from_ctranslate2(arrays))
            return cls(_from_openai(torch.load(path, "cpu", weights_only=True)))
        except (KeyError, ValueError, OSError, RuntimeError, TypeError) as error:
            raise weights.corrupt(path) from error

    @torch.inference_mode()
    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """See the class; raises ValueError for more than 30 s of sound."""
        if len(samples) > LONGEST:
            raise ValueError(f"{len(samples)} samples are more than 30 s")
        mel = self.log_mel(samples)
        mel = mel[:, : mel.shape[1] // 2 * 2]
        x = functional.gelu(self._convolved(mel[None], "conv1", stride=1))
        x = functional.gelu(self._convolved(x, "conv2", stride=2))[0].T
        x = x + _sinusoids(len(x))
        for layer in range(LAYERS):
            x = self._layer(x, f"blocks.{layer}.")
        return x.numpy()

    def log_mel(self, samples: np.ndarray) -> Tensor:
        """Whisper's log-mel spectrogram of `samples`: (80, n // 160), 8 decades deep."""
        sound = torch.from_numpy(np.asarray(samples, np.float32))
        spectrum = torch.stft(
            sound, N_FFT, MEL_HOP, window=torch.hann_window(N_FFT), return_complex=True
        )
        mel = (self._filters @ spectrum[..., :-1].abs() ** 2).clamp(min=1e-10).log10()
        return (torch.maximum(mel, mel.max() - 8.0) + 4) / 4

    def _convolved(self, x: Tensor, name: str, stride: int) -> Tensor:
        weight, bias = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        return functional.conv1d(x, weight, bias, stride=stride, padding=1)

    def _layer(self, x: Tensor, name: str) -> Tensor:
        joined = self._linear(self._normed(x, f"{name}attn_ln"), f"{name}attn.qkv")
        parts = joined.view(-1, 3, HEAD_COUNT, WIDTH // HEAD_COUNT).permute(1, 2, 0, 3)
        attended = functional.scaled_dot_product_attention(*parts).permute(1, 0, 2)
        x = x + self._linear(attended.reshape(-1, WIDTH), f"{name}attn.out")
        hidden = functional.gelu(self._linear(self._normed(x, f"{name}mlp_ln"), f"{name}mlp.0"))
        return x + self._linear(hidden, f"{name}mlp.2")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(
            x, self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        )

    def _normed(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        return functional.layer_norm(x, (WIDTH,), weight, bias)


def _from_ctranslate2(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Parameters by OpenAI's names from an .npz of the encoder that CTranslate2 made."""
    names = {
        "self_attention/layer_norm": "attn_ln",
        "self_attention/linear_0": "attn.qkv",
        "self_attention/linear_1": "attn.out",
        "ffn/layer_norm": "mlp_ln",
        "ffn/linear_0": "mlp.0",
        "ffn/linear_1": "mlp.2",
    }
    places = {f"encoder/{name}": name for name in ("conv1", "conv2")}
    for layer in range(LAYERS):
        for there, here in names.items():
            places[f"encoder/layer_{layer}/{there}"] = f"blocks.{layer}.{here}"
    found = {}
    for there, here in places.items():
        kinds = _CT2_NORM if there.endswith("layer_norm") else {"weight": "weight", "bias": "bias"}
        for kind, name in kinds.items():
            found[f"{here}.{name}"] = torch.from_numpy(arrays[f"{there}/{kind}"].astype(np.float32))
    return found


def _from_openai(content: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Parameters from OpenAI's file, the three projections of attention joined."""
    start = "encoder."
    found = {
        name.removeprefix(start): value
        for name, value in content["model_state_dict"].items()
        if name.startswith(start)
    }
    for layer in range(LAYERS):
        parts = [f"blocks.{layer}.attn.{part}" for part in ("query", "key", "value")]
        found[f"blocks.{layer}.attn.qkv.weight"] = torch.cat([found[f"{p}.weight"] for p in parts])
        # Keys have no bias.
        query, value = found[f"{parts[0]}.bias"], found[f"{parts[2]}.bias"]
        found[f"blocks.{layer}.attn.qkv.bias"] = torch.cat((query, 0 * query, value))
    if found["conv1.weight"].shape[0] != WIDTH:
        raise ValueError("Whisper tiny has features of 384 numbers")
    return found


def _sinusoids(length: int) -> Tensor:
    """Whisper's positions (length, 384): sines and cosines from 1 to 1/10000 of a turn."""
    half = WIDTH // 2
    rates = torch.exp(-np.log(10_000.0) / (half - 1) * torch.arange(half))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat((angles.sin(), angles.cos()), 1)
