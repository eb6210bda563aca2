"""The voice net: what the mouth does while a piece of sound is heard."""

import numpy as np
import torch
from torch import Tensor, nn

from wav2lip.audio import MEL_RATE, N_MELS, SILENCE
from wav2lip.compact import mouth_shape

# One answer for so many columns of the mel (80 a second): 40 answers a second.
STRIDE = 2
ANSWER_RATE = MEL_RATE // STRIDE
# No answer depends on columns farther away than this; it is a multiple of STRIDE.
REACH = 28
# The nets are asked as if the speaker's throat were shorter and longer too, by so many bands of the
# mel, and the answers averaged: a voice like none in training is then less of a surprise.
THROATS = (-4, -2, 0, 2, 4)
# So many columns are heard at a time, whatever the length of the voice.
_CHUNK = 2000


class VoiceNet(nn.Module):
    """Mel (n, 80, T) in -4..4 -> mouth shapes (n, 8, ceil(T / 2)), one for every other column.

    A mouth shape is a deviation from the speaker's mean; 1 is one standard deviation of that
    speaker. Convolutions all along time, ever wider (van den Oord et al., WaveNet, 2016), hear
    0.35 s either way: long enough to follow a syllable, too short to remember a sentence by heart.
    """

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
        self.time = nn.Sequential(*(_Block(width, dilation, dropout) for dilation in (1, 2, 4)))
        self.head = nn.Conv2d(width, mouth_shape.COUNT, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        heard = self.gathered(self.spectrum(mel[:, None] / 4))
        return self.head(self.time(heard))[:, :, 0]


class _Block(nn.Module):
    """Two convolutions along time, (n, width, 1, T) both before and after, added to what was."""

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


def predict(nets: list[nn.Module], mel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The mean answer of `nets` at the rising instants `seconds` (n,) of `mel`: (n, 8) float32.

    Outside the sound there is silence. An answer depends on its instant alone, not on which others
    are asked for.
    """
    at = np.asarray(seconds, np.float64) * ANSWER_RATE
    if not len(at):
        return np.zeros((0, mouth_shape.COUNT), np.float32)
    first, last = int(np.floor(at[0])), int(np.floor(at[-1])) + 1
    grid = np.arange(first, last + 1)
    step = _CHUNK // STRIDE
    answers = np.concatenate(
        [_answers(nets, mel, grid[i], grid[i : i + step][-1]) for i in range(0, len(grid), step)]
    )
    return np.stack([np.interp(at, grid, column) for column in answers.T], 1).astype(np.float32)


def between(mel: np.ndarray, begin: int, end: int) -> np.ndarray:
    """The columns begin..end of `mel` (80, T), with silence before its start and past its end."""
    heard = np.full((N_MELS, end - begin), SILENCE, np.float32)
    a, b = max(begin, 0), min(end, mel.shape[1])
    if a < b:
        heard[:, a - begin : b - begin] = mel[:, a:b]
    return heard


def _answers(nets: list[nn.Module], mel: np.ndarray, first: int, last: int) -> np.ndarray:
    """The answers first..last, inclusive: (last - first + 1, 8)."""
    heard = between(mel, first * STRIDE - REACH, last * STRIDE + REACH + 1)
    edge = REACH // STRIDE
    bands = np.arange(N_MELS)
    throats = np.stack([heard[(bands + shift).clip(0, N_MELS - 1)] for shift in THROATS])
    with torch.inference_mode():
        said = [net(torch.from_numpy(throats))[:, :, edge:-edge].mean(0) for net in nets]
    return torch.stack(said).mean(0).T.numpy()
