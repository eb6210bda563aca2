"""Voice activity detection (VAD): where somebody speaks or sings.

Loudness tells speech from the noise of a room, but not from a piano, a dog or a keyboard; the
network here does. `mouth_motion.speech_gate` uses both.
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

# Half of the network's receptive field, in columns of the mel.
NET_CONTEXT = 66
# Log odds up to which the activity is 0, and from which on it is 1.
LOG_ODDS_OFF, LOG_ODDS_ON = -1.5, 0.0
# Log odds are clipped here, or the smoothing would let one long silence outvote a syllable.
MAX_LOG_ODDS = 3.0
# In outputs, 40 a second: the smoothing of the log odds (sigma), the shortest silence that counts
# as one, and the shortest speech.
SMOOTHING, MIN_SILENCE, MIN_SPEECH = 4.0, 13, 7
# Columns of the mel on either side that can change the activity of an instant.
CONTEXT = NET_CONTEXT + voice_net.STRIDE * (round(4 * SMOOTHING) + MIN_SPEECH + MIN_SILENCE)
# Outputs per forward pass: memory is bounded, however long the sound is.
_CHUNK = 1000


class VoiceActivityNet(nn.Module):
    """Mel (n, 80, T) in -4..4 -> log odds of speech (n, ceil(T / 2)), one for every other column.

    A convolutional front end, then depthwise separable convolutions along time (Chollet, Xception,
    CVPR 2017) with a receptive field of 0.8 s either way: a word and the pause after it.
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
        self.time = nn.Sequential(*(_SeparableBlock(width, dilation) for dilation in (1, 2, 4, 8)))
        self.head = nn.Conv1d(width, 1, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        features = self.gathered(self.spectrum(mel[:, None] / 4))[:, :, 0]
        return self.head(self.time(features))[:, 0]


class _SeparableBlock(nn.Module):
    """Residual block of a depthwise dilated convolution along time and a pointwise one."""

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


def load(path: Path | None = None) -> VoiceActivityNet:
    """The network in a file that `wav2lip.training.train_speech` wrote, by default the shipped one.

    It is in eval mode, on the CPU. Raises NamedError `checkpoint-corrupt`.
    """
    path = path or checkpoints.SHIPPED / "speech.pt"
    net = VoiceActivityNet()
    try:
        net.load_state_dict(weights.load_state_dict(path))
    except RuntimeError as error:
        raise weights.corrupt(path) from error
    return net.eval().requires_grad_(False)


def activity(
    mel: np.ndarray, first: int, last: int, net: VoiceActivityNet | None = None
) -> np.ndarray:
    """Voice activity, (last - first + 1,) in 0..1, at the instants first..last of `mel` (80, T).

    Instants are 40 a second, and `last` is included; before and after `mel` is silence. The log
    odds are smoothed, so that lips do not flutter where they waver, and mapped linearly; then a
    silence below `MIN_SILENCE` is closed and speech below `MIN_SPEECH` is opened (greyscale
    morphology).
    """
    context = CONTEXT // voice_net.STRIDE - NET_CONTEXT // voice_net.STRIDE
    odds = log_odds(mel, first - context, last + context, net).clip(-MAX_LOG_ODDS, MAX_LOG_ODDS)
    odds = gaussian_filter1d(odds, SMOOTHING)
    active = ((odds - LOG_ODDS_OFF) / (LOG_ODDS_ON - LOG_ODDS_OFF)).clip(0, 1)
    return grey_opening(grey_closing(active, MIN_SILENCE), MIN_SPEECH)[context:-context]


def log_odds(
    mel: np.ndarray, first: int, last: int, net: VoiceActivityNet | None = None
) -> np.ndarray:
    """Log odds of speech, (last - first + 1,) float32, at the instants first..last of `mel`.

    `mel` is (80, T) in -4..4; instants are 40 a second, and `last` is included. A value depends on
    its instant alone, not on which others are asked for.
    """
    net = net or _shipped_net()
    parts = []
    for at in range(first, last + 1, _CHUNK):
        stop = min(at + _CHUNK, last + 1)
        begin = at * voice_net.STRIDE - NET_CONTEXT
        end = (stop - 1) * voice_net.STRIDE + NET_CONTEXT + 1
        columns = torch.from_numpy(voice_net.padded_columns(mel, begin, end))
        with torch.inference_mode():
            edge = NET_CONTEXT // voice_net.STRIDE
            parts.append(net(columns[None])[0, edge:-edge].numpy())
    return np.concatenate(parts)


@cache
def _shipped_net() -> VoiceActivityNet:
    return load()
