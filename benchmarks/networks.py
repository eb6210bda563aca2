"""Networks of the public architectures with weights that know nothing: they take the same time."""

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
    """Of a detector that sees no face anywhere: what it finds would take time to sort out."""
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
    """The detector in single precision, as its package makes it."""
    return FaceDetector("cpu", path_to_detector=str(weights))
