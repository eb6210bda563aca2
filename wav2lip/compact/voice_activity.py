"""The speech net: whether what is heard is somebody who speaks or sings.

Loudness tells speech from the noise of a room, but not from a piano, a dog or a keyboard.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, grey_closing, grey_opening
from torch import Tensor, nn

import checkpoints
from wav2lip import weights
from wav2lip.compact import voice_net

# No answer depends on columns of the mel farther away than this.
REACH = 66
# Log odds up to which a mouth rests, and from which on it moves as it likes.
DOUBT, CERTAIN = -1.5, 0.0
# Log odds beyond these say no more: a syllable is not to be outvoted by the silence beside it.
SUREST = 3.0
# In instants, 40 a second: what odds are smoothed over (sigma), the longest pause that is bridged,
# and the shortest speech.
MOMENT, BRIDGED, SYLLABLE = 4.0, 13, 7
# No share depends on columns farther away than this.
CONTEXT = REACH + voice_net.STRIDE * (round(4 * MOMENT) + SYLLABLE + BRIDGED)
# So many answers are given at a time, however long the sound is.
_CHUNK = 1000


class SpeechNet(nn.Module):
    """Mel (n, 80, T) in -4..4 -> log odds of speech (n, ceil(T / 2)), one for every other column.

    Convolutions all along time, each band of their output for itself but for a mixing of one
    instant (Chollet, Xception, 2017), hear 0.8 s either way: a word and the pause beside it.
    """

    def __init__(self, widths: tuple[int, ...] = (8, 16, 24), width: int = 64) -> None:
        super().__init__()
        strides = ((2, voice_net.STRIDE), (2, 1), (2, 1))
        layers: list[nn.Module] = []
        for before, after, stride in zip((1, *widths), widths, strides, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.SiLU(),
            ]
        self.spectrum = nn.Sequential(*layers)
        self.gathered = nn.Sequential(
            nn.Conv2d(widths[-1], width, (10, 1), bias=False), nn.BatchNorm2d(width), nn.SiLU()
        )
        self.time = nn.Sequential(*(_Block(width, dilation) for dilation in (1, 2, 4, 8)))
        self.head = nn.Conv1d(width, 1, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        heard = self.gathered(self.spectrum(mel[:, None] / 4))[:, :, 0]
        return self.head(self.time(heard))[:, 0]


class _Block(nn.Module):
    """A convolution along time of each channel, then one across channels, added to what was."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
            nn.SiLU(),
            nn.Dropout(0.1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.change(x)


def load(path: Path | None = None) -> SpeechNet:
    """The net of a file that `wav2lip.training.train_speech` wrote, by default the shipped one.

    Raises NamedError `checkpoint-corrupt`.
    """
    path = path or checkpoints.SHIPPED / "speech.pt"
    net = SpeechNet()
    try:
        net.load_state_dict(weights.load_state_dict(path))
    except RuntimeError as error:
        raise weights.corrupt(path) from error
    return net.eval().requires_grad_(False)


def share(mel: np.ndarray, first: int, last: int, net: SpeechNet | None = None) -> np.ndarray:
    """How much, 0..1, of what is heard at the instants first..last of `mel` is speech.

    The odds are taken over a moment, so that lips do not flutter where they waver; a pause too
    short to close a mouth in is bridged, and what is too short for a syllable is none.
    """
    reach = CONTEXT // voice_net.STRIDE - REACH // voice_net.STRIDE
    odds = log_odds(mel, first - reach, last + reach, net).clip(-SUREST, SUREST)
    odds = gaussian_filter1d(odds, MOMENT)
    sure = ((odds - DOUBT) / (CERTAIN - DOUBT)).clip(0, 1)
    return grey_opening(grey_closing(sure, BRIDGED), SYLLABLE)[reach:-reach]


def log_odds(mel: np.ndarray, first: int, last: int, net: SpeechNet | None = None) -> np.ndarray:
    """Log odds of speech at the instants first..last, inclusive, of `mel` (80, T), 40 a second.

    An answer depends on its instant alone, not on which others are asked for.
    """
    net = net or _shipped()
    parts = []
    for at in range(first, last + 1, _CHUNK):
        stop = min(at + _CHUNK, last + 1)
        begin, end = at * voice_net.STRIDE - REACH, (stop - 1) * voice_net.STRIDE + REACH + 1
        heard = torch.from_numpy(voice_net.between(mel, begin, end))
        with torch.inference_mode():
            edge = REACH // voice_net.STRIDE
            parts.append(net(heard[None])[0, edge:-edge].numpy())
    return np.concatenate(parts)


@cache
def _shipped() -> SpeechNet:
    return load()
