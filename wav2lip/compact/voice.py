"""The voice net: what the mouth does while a piece of sound is heard."""

import numpy as np
import torch
from torch import Tensor, nn

from wav2lip.audio import MEL_RATE, N_MELS, SILENCE
from wav2lip.compact import mouth_shape

# What a mouth shape hears: columns of the mel (80 a second) before and after its instant.
BEFORE = 6
AFTER = 18
WINDOW = BEFORE + AFTER


class VoiceNet(nn.Module):
    """Mel windows (n, 80, 24) in -4..4 -> mouth shapes (n, 8) as deviations from a speaker's mean.

    A deviation of 1 is one standard deviation of that speaker.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96), dropout: float = 0.25) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.SiLU()
        )
        # Sound is reduced faster along frequency than along time: timing is what lips follow.
        strides = ((2, 1), (2, 2), (2, 2), (2, 2))[: len(widths)]
        self.blocks = nn.Sequential(
            *(
                _Block(before, after, stride)
                for before, after, stride in zip(
                    (widths[0], *widths[:-1]), widths, strides, strict=True
                )
            )
        )
        columns = -(-WINDOW // 8)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(widths[-1] * (N_MELS // 16) * columns, 128),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(128, mouth_shape.COUNT),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.blocks(self.stem(windows[:, None] / 4)))


class _Block(nn.Module):
    """A strided convolution and a residual one."""

    def __init__(self, before: int, after: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.SiLU(),
        )
        self.residual = nn.Sequential(
            nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        )
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.act(x + self.residual(x))


def first_column(seconds: np.ndarray) -> np.ndarray:
    """The mel column at which the windows of the instants `seconds` (n,) begin, int64."""
    return np.floor(np.asarray(seconds) * MEL_RATE + 1e-6).astype(np.int64) - BEFORE


def windows(mel: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The windows (n, 80, 24) of `mel` (80, T) that begin at the columns `first` (n,).

    Outside the sound there is silence.
    """
    columns = first[:, None] + np.arange(WINDOW)
    inside = (columns >= 0) & (columns < mel.shape[1])
    if not mel.shape[1]:
        return np.full((len(first), N_MELS, WINDOW), SILENCE, np.float32)
    heard = mel[:, columns.clip(0, mel.shape[1] - 1)].transpose(1, 0, 2)
    return np.where(inside[:, None], heard, np.float32(SILENCE))


def predict(nets: list[nn.Module], mel: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The mean answer of `nets` at the instants `seconds` of `mel`: (n, 8) float32."""
    heard = torch.from_numpy(windows(mel, first_column(seconds)))
    with torch.inference_mode():
        answers = [torch.cat([net(part) for part in heard.split(256)]) for net in nets]
    return torch.stack(answers).mean(0).numpy()
