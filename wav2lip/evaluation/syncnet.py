"""SyncNet as published, for LSE-D and LSE-C that can be compared with the literature.

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
from wav2lip.evaluation.sync_metrics import WINDOW, lagged_distances

CROP_SIZE = 224
EMBEDDING_SIZE = 1024
# From the centre of the box the crop reaches 1.4 to the left and right, 1 up and 1.8 down, in units
# of half the box's longer side.
CROP_SCALE = 1.4

# Mel-frequency cepstral coefficients, 100 a second: lengths in samples of 16 kHz.
WINDOW_LENGTH, HOP, N_FFT, FILTERS, COEFFICIENTS, LIFTER = 400, 160, 512, 26, 13, 22
PRE_EMPHASIS = 0.97
MFCC_PER_FRAME = 4
MFCC_PER_WINDOW = 20
BATCH_SIZE = 8


class PublishedSyncNet(nn.Module):
    """The network: embeddings (n, 1024) of sound and of mouths.

    Names of layers are those of the published state dict.
    """

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, 64, 3, 1),
            nn.MaxPool2d(1, 1),
            *_conv2d(64, 192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv2d(192, 384, 3, 1),
            *_conv2d(384, 256, 3, 1),
            *_conv2d(256, 256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_conv2d(256, 512, (5, 4), 0),
        )
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, 96, (5, 7, 7), (1, 2, 2), 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(256, 512, (1, 6, 6), 1, 0),
        )
        self.netfcaud, self.netfclip = (
            nn.Sequential(
                nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING_SIZE)
            )
            for _ in range(2)
        )

    def voice(self, mfccs: Tensor) -> Tensor:
        """(n, 1, 13, 20) of `mfcc` -> (n, 1024)."""
        return self.netfcaud(self.netcnnaud(mfccs).flatten(1))

    def mouth(self, faces: Tensor) -> Tensor:
        """(n, 3, 5, 224, 224) BGR, levels of 255 -> (n, 1024)."""
        return self.netfclip(self.netcnnlip(faces).flatten(1))


class PublishedExpert:
    """The sync expert (expert.Expert) with which published LSE-D and LSE-C are measured."""

    def __init__(self, network: PublishedSyncNet, name: str) -> None:
        self.name = name
        self._network = network.eval().requires_grad_(False)

    @classmethod
    def from_checkpoint(cls, path: Path, name: str) -> "PublishedExpert":
        """The expert of a published state dict. Raises NamedError `checkpoint-corrupt`."""
        network = PublishedSyncNet()
        try:
            network.load_state_dict(weights.load_state_dict(path))
        except RuntimeError as error:
            raise weights.corrupt(path) from error
        return cls(network, name)

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        x1, y1, x2, y2 = (float(side) for side in face.box)
        half = max(x2 - x1, y2 - y1) / 2
        scale = CROP_SIZE / (2 * CROP_SCALE * half)
        x0, y0 = (x1 + x2) / 2 - CROP_SCALE * half, (y1 + y2) / 2 - half
        shift = (scale - 1) / 2  # warpAffine maps centres of pixels
        matrix = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale]])
        return cv2.warpAffine(frame, matrix, (CROP_SIZE, CROP_SIZE), borderValue=(110, 110, 110))

    @torch.inference_mode()
    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        count = len(faces) - WINDOW + 1
        heard = mfcc(samples)
        needed = MFCC_PER_FRAME * count + MFCC_PER_WINDOW
        heard = np.pad(heard, ((0, 0), (0, max(0, needed - heard.shape[1]))))
        pictures = torch.from_numpy(faces[..., ::-1].transpose(3, 0, 1, 2).copy()).float()
        voices, mouths = [], []
        for at in range(0, count, BATCH_SIZE):
            now = range(at, min(at + BATCH_SIZE, count))
            starts = [MFCC_PER_FRAME * n for n in now]
            sound = np.stack([heard[:, start : start + MFCC_PER_WINDOW] for start in starts])
            voices.append(self._network.voice(torch.from_numpy(sound).float()[:, None]).numpy())
            windows = torch.stack([pictures[:, n : n + WINDOW] for n in now])
            mouths.append(self._network.mouth(windows).numpy())
        return lagged_distances(np.concatenate(mouths), np.concatenate(voices), padded=True)


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients (13, n) float64, 100 a second.

    `samples` (m,) float in -1..1 at 16 kHz. As the published network was trained: Davis and
    Mermelstein, IEEE Transactions on ASSP 28(4), 1980, with rectangular windows, a sine lifter, and
    the logarithm of the energy for the first coefficient.
    """
    levels = np.rint(np.asarray(samples, np.float64) * 32768).clip(-32768, 32767)
    levels[1:] -= PRE_EMPHASIS * levels[:-1].copy()
    count = 1 + max(0, -(-(len(levels) - WINDOW_LENGTH) // HOP))
    padded = np.pad(levels, (0, max(0, (count - 1) * HOP + WINDOW_LENGTH - len(levels))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_LENGTH)[::HOP][:count]
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
    """Triangular filters (26, 257), evenly spaced on the mel scale from 0 to 8 kHz."""
    top = 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    edges = np.floor((N_FFT + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(N_FFT // 2 + 1)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    return np.where(bins < centre, rising, falling).clip(0) * (bins >= lower) * (bins < upper)


def _conv2d(
    before: int, after: int, kernel: int | tuple[int, int], padding: int
) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()


def _conv3d(
    before: int,
    after: int,
    kernel: tuple[int, int, int],
    stride: int | tuple[int, int, int],
    padding: int | tuple[int, int, int],
) -> tuple[nn.Module, ...]:
    return nn.Conv3d(before, after, kernel, stride, padding), nn.BatchNorm3d(after), nn.ReLU()
