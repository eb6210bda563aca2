"""The voice net: a regression from the mel spectrogram of a voice to mouth shapes."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from wav2lip.audio import MEL_RATE, N_MELS, SILENCE
from wav2lip.compact import mouth_shape

# Columns of the mel (80 a second) per output: 40 outputs a second.
STRIDE = 2
OUTPUT_RATE = MEL_RATE // STRIDE
# Half of the receptive field, in columns of the mel; a multiple of STRIDE.
CONTEXT = 28
# Test-time augmentation by vocal tract length perturbation (Jaitly and Hinton, 2013): the outputs
# for the mel shifted by these numbers of bands are averaged. A voice unlike those of the training
# data is then less of a surprise.
BAND_SHIFTS = (-4, -2, 0, 2, 4)
# Columns per forward pass: memory is bounded, however long the voice is.
_CHUNK = 2000


class VoiceNet(nn.Module):
    """Mel (n, 80, T) in -4..4 -> mouth shapes (n, 8, ceil(T / 2)), one for every other column.

    A mouth shape is a deviation from the speaker's mean; 1 is one standard deviation of that
    speaker. Dilated convolutions along time (van den Oord et al., WaveNet, 2016) have a receptive
    field of 0.35 s either way: long enough for a syllable, too short to learn sentences by heart.
    """

    context = CONTEXT

    def __init__(
        self, widths: tuple[int, ...] = (16, 32, 48), width: int = 128, dropout: float = 0.2
    ) -> None:
        super().__init__()
        strides = ((2, 1), (2, STRIDE), (2, 1))
        self.spectrum = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.SiLU(),
                )
                for before, after, stride in zip((1, *widths), widths, strides, strict=False)
            )
        )
        self.gathered = nn.Sequential(
            nn.Conv2d(widths[-1], width, (N_MELS // 8, 1), bias=False),
            nn.BatchNorm2d(width),
            nn.SiLU(),
        )
        self.time = nn.Sequential(
            *(_DilatedBlock(width, dilation, dropout) for dilation in (1, 2, 4))
        )
        self.head = nn.Conv2d(width, mouth_shape.COUNT, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        features = self.gathered(self.spectrum(mel[:, None] / 4))
        return self.head(self.time(features))[:, :, 0]


class _DilatedBlock(nn.Module):
    """Residual block of two convolutions along time, the first dilated; (n, width, 1, T)."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.wide = nn.Sequential(
            nn.Conv2d(
                width, width, (1, 3), padding=(0, dilation), dilation=(1, dilation), bias=False
            ),
            nn.BatchNorm2d(width),
            nn.SiLU(),
        )
        self.drop = nn.Dropout2d(dropout)
        self.near = nn.Sequential(
            nn.Conv2d(width, width, (1, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(x + self.near(self.drop(self.wide(x))))


def predict(nets: Sequence[nn.Module], mel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mouth shapes (n, 8) float32 at the rising instants `seconds` (n,) of `mel` (80, T) in -4..4.

    They are the mean of an ensemble of networks on the CPU, linearly interpolated between its
    outputs: each `VoiceNet`, which gives the unit, or another that maps mel to mouth shapes as it
    does and has a `context`. What some give beyond mouth shapes, as `SpeechEncoder` does, follows
    in more columns, the mean of those alone. Before and after `mel` is silence. A value depends on
    its instant alone, not on which others are asked for.
    """
    at = np.asarray(seconds, np.float64) * OUTPUT_RATE
    if not len(at):
        return np.zeros((0, mouth_shape.COUNT), np.float32)
    first, last = int(np.floor(at[0])), int(np.floor(at[-1])) + 1
    grid = np.arange(first, last + 1)
    step = _CHUNK // STRIDE
    outputs = np.concatenate(
        [_outputs(nets, mel, grid[i], grid[i : i + step][-1]) for i in range(0, len(grid), step)]
    )
    return np.stack([np.interp(at, grid, column) for column in outputs.T], 1).astype(np.float32)


def padded_columns(mel: np.ndarray, begin: int, end: int) -> np.ndarray:
    """The columns begin..end of `mel` (80, T), padded with silence: (80, end - begin) float32.

    `begin` may be negative and `end` beyond T.
    """
    columns = np.full((N_MELS, end - begin), SILENCE, np.float32)
    a, b = max(begin, 0), min(end, mel.shape[1])
    if a < b:
        columns[:, a - begin : b - begin] = mel[:, a:b]
    return columns


def _outputs(nets: Sequence[nn.Module], mel: np.ndarray, first: int, last: int) -> np.ndarray:
    """The outputs first..last, inclusive: (last - first + 1, 8 or more)."""
    bands, shapes, others = np.arange(N_MELS), [], []
    for net in nets:
        context = cast(int, net.context)
        columns = padded_columns(mel, first * STRIDE - context, last * STRIDE + context + 1)
        shifted = np.stack([columns[(bands + shift).clip(0, N_MELS - 1)] for shift in BAND_SHIFTS])
        with torch.inference_mode():
            outputs = net(torch.from_numpy(shifted))
        outputs = outputs[:, :, context // STRIDE : -context // STRIDE].mean(0)
        shapes.append(outputs[: mouth_shape.COUNT])
        if len(outputs) > mouth_shape.COUNT:
            others.append(outputs[mouth_shape.COUNT :])
    means = [torch.stack(each).mean(0) for each in (shapes, others) if each]
    return torch.cat(means).T.numpy()
