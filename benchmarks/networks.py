"""Networks of the published architectures with random weights, which take the same time."""

from pathlib import Path
from typing import Any

import torch
from face_alignment.detection.sfd import FaceDetector
from face_alignment.detection.sfd.net_s3fd import s3fd

from wav2lip.networks import Wav2Lip


def generator() -> Wav2Lip:
    torch.manual_seed(0)
    return Wav2Lip().eval()


def generator_weights(folder: Path) -> Path:
    path = folder / "generator.pth"
    if not path.exists():
        torch.save({"state_dict": generator().state_dict()}, path)
    return path


def s3fd_weights(folder: Path) -> Path:
    """Weights of an S3FD that finds no face anywhere, so that no time goes into its results."""
    path = folder / "s3fd.pth"
    if not path.exists():
        torch.manual_seed(0)
        network = s3fd()
        for name, module in network.named_modules():
            if name.endswith("_conf"):
                module.weight.data.zero_()
                module.bias.data.zero_()
                module.bias.data[0] = 10.0
        torch.save(network.state_dict(), path)
    return path


def plain_s3fd(weights: Path) -> Any:
    """The detector of the package face_alignment, in single precision."""
    return FaceDetector("cpu", path_to_detector=str(weights))
