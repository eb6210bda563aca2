"""The sync experts that can be trained here: the paper's, and a light one for small machines.

Both answer `network(mel, faces)` alike (see networks.SyncNet), so that one may take the other's
place in training and in evaluation.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip import weights
from wav2lip.networks import Conv, SyncNet

_LIGHT_KEY = "mouth_encoder.1.conv_block.0.weight"


class LightSyncNet(nn.Module):
    """The light expert, a tenth of the paper's work and size: half the resolution, fewer layers.

    `forward(mel, faces)`: mel (n, 1, 80, 16) and the lower halves of five frames, BGR in 0..1,
    stacked to (n, 15, 48, 96), give two (n, 192) of length 1 without negative numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mouth_encoder = nn.Sequential(
            nn.PixelUnshuffle(2),  # half the resolution, with nothing thrown away
            *[Conv(60, 32), Conv(32, 32, residual=True)],
            *[Conv(32, 64, stride=2), Conv(64, 64, residual=True)],
            *[Conv(64, 112, stride=2), Conv(112, 112, residual=True)],
            *[Conv(112, 160, stride=2), Conv(160, 160, residual=True)],
            *[nn.Flatten(), nn.Dropout(0.2), nn.Linear(160 * 3 * 6, 192)],
        )
        self.sound_encoder = nn.Sequential(
            *[Conv(1, 16), Conv(16, 32, stride=(3, 1)), Conv(32, 32, residual=True)],
            *[Conv(32, 64, stride=3), Conv(64, 64, residual=True)],
            *[Conv(64, 128, stride=(3, 2)), Conv(128, 128, residual=True)],
            *[nn.Flatten(), nn.Dropout(0.2), nn.Linear(128 * 3 * 3, 192)],
        )

    def forward(self, mel: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
        sound, mouth = self.sound_encoder(mel), self.mouth_encoder(faces)
        return (
            functional.normalize(functional.relu(sound.float())),
            functional.normalize(functional.relu(mouth.float())),
        )


NETWORKS: dict[str, type[nn.Module]] = {"paper": SyncNet, "light": LightSyncNet}


def load(path: Path) -> nn.Module:
    """The expert in a file of weights, float32, in eval mode, on the CPU.

    Its keys say which network it is. Raises NamedError `checkpoint-corrupt` for other weights.
    """
    state = weights.load_state_dict(path)
    with torch.device("meta"):  # no time is spent on random numbers that the file replaces
        network = NETWORKS["light" if _LIGHT_KEY in state else "paper"]()
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise weights.corrupt(path) from error
    return network.float().eval()
