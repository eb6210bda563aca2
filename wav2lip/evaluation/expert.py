"""Sync experts: networks that say how badly a voice and the mouth of a video fit together."""

from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

import checkpoints
from media.errors import NamedError
from wav2lip import compositing, expert, weights
from wav2lip.audio import mel_spectrogram, mel_windows
from wav2lip.evaluation.footage import FPS, Face
from wav2lip.evaluation.sync_metrics import WINDOW, lagged_distances
from wav2lip.evaluation.syncnet import PublishedExpert

ARCHITECTURES = ("syncnet", "expert")  # in checkpoints/manifest.json
CROP_SIZE = 96  # pixels
BATCH_SIZE = 32


class Expert(Protocol):
    """A sync expert: distances between embeddings of mouths and of voices."""

    name: str  # of its measurements

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        """The face of a frame as the network's input: RGB uint8 (h, w, 3), always of one size."""
        ...

    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """Distances (n - 4, 31) float32 of each window of five faces to the voice at each lag.

        `faces` (n, h, w, 3) are what `crop` returns for frames at 25 a second, `samples` (m,)
        float32 at 16 kHz starts with the first of them. Lags are sync_metrics.LAGS; a distance
        beyond the ends of the voice is NaN or that to silence.
        """
        ...


class TrainedExpert:
    """The program's own expert, or the one of the Wav2Lip paper: see wav2lip.expert."""

    def __init__(self, network: nn.Module, name: str) -> None:
        self.name = name
        self._network = network.eval().requires_grad_(False)

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        # The whole box as a square, as the generators it teaches are given it.
        return compositing.crop_face(frame, face.box, CROP_SIZE, face.roll)

    @torch.inference_mode()
    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        count = len(faces) - WINDOW + 1
        heard = mel_windows(mel_spectrogram(samples), 0, count, Fraction(FPS))
        # Like the generator, it was trained on pictures in the order blue, green, red.
        lower = faces[:, faces.shape[1] // 2 :, :, ::-1].transpose(0, 3, 1, 2)
        voices, mouths = [], []
        for at in range(0, count, BATCH_SIZE):
            stop = min(at + BATCH_SIZE, count)
            windows = np.stack([np.concatenate(lower[n : n + WINDOW]) for n in range(at, stop)])
            voice, mouth = self._network(
                torch.from_numpy(heard[at:stop])[:, None],
                torch.from_numpy(windows).float() / 255,
            )
            voices.append(voice.float().numpy())
            mouths.append(mouth.float().numpy())
        return lagged_distances(np.concatenate(mouths), np.concatenate(voices))


def available() -> list[str]:
    """The names of all sync experts of the manifest whose files are on this machine."""
    return [
        known.name
        for known in checkpoints.all()
        if known.architecture in ARCHITECTURES and known.present
    ]


def locate(name: str) -> Path:
    """The file of an expert: `name` is a name of the manifest, or a path.

    Raises NamedError `checkpoint-missing`, `checkpoint-corrupt`, `checkpoint-unsuitable`.
    """
    architecture = {known.name: known.architecture for known in checkpoints.all()}.get(name)
    if architecture in ARCHITECTURES:
        return checkpoints.require(name)
    if architecture:
        raise NamedError(
            "checkpoint-unsuitable",
            f"{name} is no sync expert.",
            f"Choose one that `mouth checkpoints` lists as {' or '.join(ARCHITECTURES)}, "
            "or a file of one.",
        )
    if not Path(name).is_file():
        raise checkpoints.unknown(name)
    return Path(name)


def load(path: Path, name: str) -> Expert:
    """The expert in a file of weights: the published SyncNet, or one of this program's.

    `name` is what its measurements are called. Raises NamedError `checkpoint-corrupt`.
    """
    if any(key.startswith("netcnnlip.") for key in weights.load_state_dict(path)):
        return PublishedExpert.from_checkpoint(path, name)
    return TrainedExpert(expert.load(path), name)
