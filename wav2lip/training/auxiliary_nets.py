"""Auxiliary networks: they judge drawings in training, and are thrown away after it.

`Reader` reads landmarks and mouth shape off a lower face; frozen, it tells the renderer whether the
mouth it drew has the shape it was asked for. `Critic` tells patches of real lower faces from drawn
ones (hinge loss on patches: Isola et al., CVPR 2017).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.compact import crop, mouth_shape
from wav2lip.compact.renderer import ROWS, TOP

# Mouth and chin: what of the 68 points lies in the lower face.
READ_POINTS = (*range(5, 12), *range(48, 68))


class Reader(nn.Module):
    """Lower faces (n, 3, 56, 96) in -1..1 -> points (n, 27, 2) in crop pixels, shapes (n, 8)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 40, 64, 96)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, 2 if number else 1, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.SiLU(),
                nn.Conv2d(after, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.SiLU(),
            )
            for number, (before, after) in enumerate(zip((12, *widths), widths, strict=False))
        )
        features = widths[-1] * (ROWS // 16 + 1) * (crop.SIZE // 16)
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(features, 192), nn.SiLU())
        self.points = nn.Linear(192, 2 * len(READ_POINTS))
        self.shapes = nn.Linear(192, mouth_shape.COUNT)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Points, shapes, and the features of the first three stages."""
        x = functional.pixel_unshuffle(faces, 2)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        hidden = self.hidden(x)
        centre = torch.tensor([crop.SIZE / 2, TOP + ROWS / 2], device=faces.device)
        points = self.points(hidden).unflatten(1, (-1, 2)).float() * 10 + centre
        return points, self.shapes(hidden).float(), features[:3]


class Critic(nn.Sequential):
    """Lower faces (n, 3, 56, 96) in -1..1 -> one opinion a patch, positive for real."""

    def __init__(self) -> None:
        def layer(before: int, after: int, stride: int) -> nn.Module:
            convolution = nn.Conv2d(before, after, 4 if stride == 2 else 3, stride, padding=1)
            return nn.utils.parametrizations.spectral_norm(convolution)

        super().__init__(
            layer(3, 32, 2),
            nn.LeakyReLU(0.2),
            layer(32, 64, 2),
            nn.LeakyReLU(0.2),
            layer(64, 96, 2),
            nn.LeakyReLU(0.2),
            layer(96, 1, 1),
        )
