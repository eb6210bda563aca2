"""SyncNet as published, for LSE-D and LSE-C that can be held against the literature.

Layers and input are those of the network released with Chung and Zisserman, "Out of time: automated
lip sync in the wild" (ACCV-W 2016), whose weights `mouth fetch syncnet_v2` gets. Only the boxes
around faces are this project's.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn

from wav2lip import weights
from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation.footage import Face
from wav2lip.evaluation.sync_metrics import WINDOW, apart

SIDE = 224
FEATURES = 1024
# The picture reaches 1.4 halves of the face box to its sides, one up and 1.8 down.
REACH, DOWN = 1.4, 1.8

# Mel-frequency cepstral coefficients, a hundred a second, four for a frame of the picture.
LENGTH, HOP, N_FFT, FILTERS, COEFFICIENTS, LIFTER = 400, 160, 512, 26, 13, 22
PRE_EMPHASIS = 0.97
HEARD = 20  # coefficients for five frames
A_FRAME = 4
BATCH = 8


class PublishedSyncNet(nn.Module):
    """`voice`: (n, 1, 13, 20) and `mouth`: (n, 3, 5, 224, 224), levels of 255 in BGR -> (n, 1024).

    Names of layers are those of the published state dict.
    """

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_flat(1, 64, 3, 1),
            nn.MaxPool2d(1, 1),
            *_flat(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_flat(192, 384, 3, 1),
            *_flat(384, 256, 3, 1),
            *_flat(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_flat(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_moving(3, 96, (5, 7, 7), (1, 2, 2), 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_moving(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_moving(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_moving(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_moving(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_moving(256, 512, (1, 6, 6), 1, 0),
        )
        self.netfcaud, self.netfclip = (
            nn.Sequential(
                nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, FEATURES)
            )
            for _ in range(2)
        )

    def voice(self, cepstrum: Tensor) -> Tensor:
        return self.netfcaud(self.netcnnaud(cepstrum).flatten(1))

    def mouth(self, faces: Tensor) -> Tensor:
        return self.netfclip(self.netcnnlip(faces).flatten(1))


class PublishedExpert:
    """The expert (expert.Expert) that published figures are measured with."""

    def __init__(self, network: PublishedSyncNet, name: str) -> None:
        self.name = name
        self._network = network.eval().requires_grad_(False)

    @classmethod
    def from_checkpoint(cls, path: Path, name: str) -> "PublishedExpert":
        """Raises NamedError `checkpoint-corrupt`."""
        network = PublishedSyncNet()
        try:
            network.load_state_dict(weights.load_state_dict(path))
        except RuntimeError as error:
            raise weights.corrupt(path) from error
        return cls(network, name)

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        x1, y1, x2, y2 = (float(side) for side in face.box)
        half = max(x2 - x1, y2 - y1) / 2
        scale = SIDE / (2 * REACH * half)
        x0, y0 = (x1 + x2) / 2 - REACH * half, (y1 + y2) / 2 - half
        shift = (scale - 1) / 2  # warpAffine maps centres of pixels
        matrix = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale]])
        return cv2.warpAffine(frame, matrix, (SIDE, SIDE), borderValue=(110, 110, 110))

    @torch.inference_mode()
    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        count = len(faces) - WINDOW + 1
        heard = cepstrum(samples)
        heard = np.pad(heard, ((0, 0), (0, max(0, A_FRAME * count + HEARD - heard.shape[1]))))
        pictures = torch.from_numpy(faces[..., ::-1].transpose(3, 0, 1, 2).copy()).float()
        voices, mouths = [], []
        for at in range(0, count, BATCH):
            now = range(at, min(at + BATCH, count))
            sound = np.stack([heard[:, A_FRAME * n : A_FRAME * n + HEARD] for n in now])
            voices.append(self._network.voice(torch.from_numpy(sound).float()[:, None]).numpy())
            windows = torch.stack([pictures[:, n : n + WINDOW] for n in now])
            mouths.append(self._network.mouth(windows).numpy())
        return apart(np.concatenate(mouths), np.concatenate(voices), padded=True)


def cepstrum(samples: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients (13, n) of 16 kHz sound in -1..1.

    With the logarithm of the energy as the first of them, as the published network was fed
    (Davis and Mermelstein, IEEE ASSP 28(4), 1980; rectangular windows, a sine lifter).
    """
    levels = np.rint(np.asarray(samples, np.float64) * 32768).clip(-32768, 32767)
    levels[1:] -= PRE_EMPHASIS * levels[:-1].copy()
    count = 1 + max(0, -(-(len(levels) - LENGTH) // HOP))
    padded = np.pad(levels, (0, max(0, (count - 1) * HOP + LENGTH - len(levels))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, LENGTH)[::HOP][:count]
    power = np.abs(np.fft.rfft(frames, N_FFT)) ** 2 / N_FFT
    least = np.finfo(float).eps
    energy = power.sum(1)
    energy[energy == 0] = least
    bands = power @ _filters().T
    bands[bands == 0] = least
    lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    out = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS] * lift
    out[:, 0] = np.log(energy)
    return out.T


@cache
def _filters() -> np.ndarray:
    """Triangles (26, 257), evenly spaced on the mel scale from 0 to 8 kHz."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    edges = np.floor((N_FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(N_FFT // 2 + 1)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    return np.where(bins < centre, rising, falling).clip(0) * (bins >= lower) * (bins < upper)


def _flat(
    before: int, after: int, kernel: int | tuple[int, int], padding: int
) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()


def _moving(
    before: int,
    after: int,
    kernel: tuple[int, int, int],
    stride: int | tuple[int, int, int],
    padding: int | tuple[int, int, int],
) -> tuple[nn.Module, ...]:
    return nn.Conv3d(before, after, kernel, stride, padding), nn.BatchNorm3d(after), nn.ReLU()
