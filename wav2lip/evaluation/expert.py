"""Sync experts: networks that tell how far a voice is from a mouth."""

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
from wav2lip.evaluation.sync_metrics import WINDOW, apart
from wav2lip.evaluation.syncnet import PublishedExpert

KINDS = ("syncnet", "expert")
SIDE = 96  # of the square a face is brought to
BATCH = 32


class Expert(Protocol):
    """Distances of mouths to voices."""

    name: str  # of its measures

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        """The face as the expert wants it, RGB uint8, from a frame and where it is in that."""
        ...

    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        """(n - 4, 31) float32: each window of faces (n, h, w, 3) to the voice at distances.LAGS.

        The voice (16 kHz) begins with the first face.
        """
        ...


class TrainedExpert:
    """An expert that was trained here, or Wav2Lip's: see wav2lip.expert."""

    def __init__(self, network: nn.Module, name: str) -> None:
        self.name = name
        self._network = network.eval().requires_grad_(False)

    def crop(self, frame: np.ndarray, face: Face) -> np.ndarray:
        # The whole box as a square, as the generators it teaches are given it.
        return compositing.cut(frame, face.box, SIDE, face.roll)

    @torch.inference_mode()
    def distances(self, faces: np.ndarray, samples: np.ndarray) -> np.ndarray:
        count = len(faces) - WINDOW + 1
        heard = mel_windows(mel_spectrogram(samples), 0, count, Fraction(FPS))
        # Like the generator, it was trained on pictures in the order blue, green, red.
        lower = faces[:, faces.shape[1] // 2 :, :, ::-1].transpose(0, 3, 1, 2)
        voices, mouths = [], []
        for at in range(0, count, BATCH):
            stop = min(at + BATCH, count)
            windows = np.stack([np.concatenate(lower[n : n + WINDOW]) for n in range(at, stop)])
            voice, mouth = self._network(
                torch.from_numpy(heard[at:stop])[:, None],
                torch.from_numpy(windows).float() / 255,
            )
            voices.append(voice.float().numpy())
            mouths.append(mouth.float().numpy())
        return apart(np.concatenate(mouths), np.concatenate(voices))


def present() -> list[str]:
    """The names of all experts that are on this machine."""
    return [
        known.name for known in checkpoints.all() if known.architecture in KINDS and known.present
    ]


def locate(name: str) -> Path:
    """The file of an expert's name, or the path of one.

    Raises NamedError `checkpoint-missing`, `checkpoint-corrupt`, `checkpoint-unsuitable`.
    """
    architecture = {known.name: known.architecture for known in checkpoints.all()}.get(name)
    if architecture in KINDS:
        return checkpoints.require(name)
    if architecture:
        raise NamedError(
            "checkpoint-unsuitable",
            f"{name} is no sync expert.",
            f"Choose one that `mouth checkpoints` lists as {' or '.join(KINDS)}, or a file of one.",
        )
    if not Path(name).is_file():
        raise checkpoints.unknown(name)
    return Path(name)


def load(path: Path, name: str) -> Expert:
    """The expert in a file of weights, the published SyncNet or one of this program.

    Raises NamedError `checkpoint-corrupt`.
    """
    if any(key.startswith("netcnnlip.") for key in weights.load_state_dict(path)):
        return PublishedExpert.from_checkpoint(path, name)
    return TrainedExpert(expert.load(path), name)
