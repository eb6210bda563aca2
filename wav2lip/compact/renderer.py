"""The renderer: a face crop and a mouth shape -> a flow, and a painting blended over the warp.

A U-Net (Ronneberger et al., MICCAI 2015) sees the crop twice: its upper half as the target, all of
it as the reference. The mouth shape enters every stage of the decoder as a scale and a shift of
the features (FiLM, Perez et al., AAAI 2018). The outputs are a flow that warps the reference, a
painting (RGB) for what the reference does not show, and an alpha mask that blends the two. Flow and
alpha fade to 0 towards the edge of the lower face, so that there is no seam to hide later.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from wav2lip.compact import crop, mouth_shape

TOP = 40  # the first row of the crop that may change
ROWS = crop.SIZE - TOP
BLANK = 48  # from this row down the target is masked
MAX_FLOW = 0.3  # the farthest a pixel may come from, in half crops
SHAPE_FEATURES = 64


@dataclass(frozen=True)
class Drawing:
    """The lower face, rows 40..96 of the crop; colours in -1..1."""

    flow: Tensor  # (n, 2, 56, 96) x then y, pixels of the crop, from the result to the reference
    warped: Tensor  # (n, 3, 56, 96) the reference moved by the flow
    result: Tensor  # (n, 3, 56, 96) the reference moved and painted


class Renderer(nn.Module):
    """Face crops in -1..1 and mouth shapes -> the lower face redrawn, a `Drawing`."""

    mask: Tensor

    def __init__(self, widths: tuple[int, ...] = (32, 48, 80, 128, 160)) -> None:
        super().__init__()
        self.stem = _ConvBlock(24, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(_ConvBlock(before, after, stride=2), _ResidualBlock(after))
            for before, after in pairwise(widths)
        )
        self.shape = nn.Sequential(
            nn.Linear(mouth_shape.COUNT, SHAPE_FEATURES),
            nn.SiLU(),
            nn.Linear(SHAPE_FEATURES, SHAPE_FEATURES),
            nn.SiLU(),
        )
        self.middle = _FilmBlock(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            _FilmBlock(below + level, level)
            for below, level in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 2 + 12 + 4, 3, padding=1)
        # At the start of training nothing moves and little is painted.
        with torch.no_grad():
            self.head.weight[:2] = 0
            self.head.bias.copy_(torch.tensor([0.0] * 14 + [-2.0] * 4))  # type: ignore[union-attr]
        self.register_buffer("mask", lower_face_mask(), persistent=False)

    def forward(self, target: Tensor, reference: Tensor, shape: Tensor) -> Drawing:
        """`target` (rows from 48 unused), `reference` (n, 3, 96, 96) in -1..1; `shape` (n, 8)."""
        return self.draw(self.encode(target, reference), reference, shape)

    def encode(self, target: Tensor, reference: Tensor) -> list[Tensor]:
        """Feature maps of the two pictures (n, 3, 96, 96) at 48, 24, 12, 6 and 3 pixels."""
        masked = target.clone()
        masked[:, :, BLANK:] = 0
        features = [self.stem(functional.pixel_unshuffle(torch.cat((masked, reference), 1), 2))]
        for down in self.down:
            features.append(down(features[-1]))
        return features

    def draw(self, features: list[Tensor], reference: Tensor, shape: Tensor) -> Drawing:
        """The lower face in the mouth shapes `shape` (n, 8), from the features of `encode`."""
        style = self.shape(shape)
        x = self.middle(features[-1], style)
        for up, skip in zip(self.up, features[-2::-1], strict=True):
            # From 12 rows on, only those of the lower face are drawn.
            rows = skip.shape[2]
            skip = skip[:, :, TOP * rows // crop.SIZE if rows >= 12 else 0 :]
            x = functional.interpolate(x, scale_factor=2, mode="nearest")[:, :, -skip.shape[2] :]
            x = up(torch.cat((x, skip), 1), style)
        fields = self.head(x).float()
        flow = functional.interpolate(
            fields[:, :2], scale_factor=2, mode="bilinear", align_corners=False
        )
        flow = torch.tanh(flow) * (MAX_FLOW * crop.SIZE / 2) * self.mask
        painted = torch.tanh(functional.pixel_shuffle(fields[:, 2:14], 2))
        alpha = torch.sigmoid(functional.pixel_shuffle(fields[:, 14:], 2)) * self.mask
        warped = warp(reference.float(), flow)
        return Drawing(flow, warped, warped + alpha * (painted - warped))


def warp(reference: Tensor, flow: Tensor) -> Tensor:
    """Backward warp: rows 40..96 of `reference` (n, c, 96, 96), each pixel fetched, bilinear, from
    where `flow` (n, 2, 56, 96), x then y in pixels, points. Outside `reference` its edge repeats.
    """
    rows = torch.arange(TOP, crop.SIZE, device=flow.device) + 0.5
    columns = torch.arange(crop.SIZE, device=flow.device) + 0.5
    x = columns[None, None, :] + flow[:, 0]
    y = rows[None, :, None] + flow[:, 1]
    grid = torch.stack((x, y), -1) * (2 / crop.SIZE) - 1
    return functional.grid_sample(
        reference, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def lower_face_mask() -> Tensor:
    """How much each pixel of rows 40..96 may change, (56, 96) in 0..1: 1 in the middle."""
    rows = torch.arange(TOP, crop.SIZE) + 0.5
    columns = torch.arange(crop.SIZE) + 0.5
    from_top = _smoothstep((rows - TOP) / 10)
    from_bottom = _smoothstep((crop.SIZE - rows) / 8)
    from_side = _smoothstep((38 - (columns - crop.SIZE / 2).abs()) / 12)
    return (from_top * from_bottom)[:, None] * from_side[None]


def mouth_and_jaw_mask() -> Tensor:
    """Alpha mask of a drawing that is pasted onto its own reference, (56, 96) in 0..1.

    The pose of the reference is right as it is: moving nose and cheeks would only change the
    identity a little.
    """
    rows = torch.arange(TOP, crop.SIZE) + 0.5
    columns = torch.arange(crop.SIZE) + 0.5
    from_top = _smoothstep((rows - BLANK) / 12)
    from_side = _smoothstep((36 - (columns - crop.SIZE / 2).abs()) / 14)
    return from_top[:, None] * from_side[None]


def _smoothstep(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)


class _ConvBlock(nn.Sequential):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.SiLU(),
        )


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _ConvBlock(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(x + self.second(self.first(x)))


class _FilmBlock(nn.Module):
    """Two convolutions, the features of each scaled and shifted by the mouth shape (FiLM)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
            for width in (before, after)
        )
        self.styles = nn.ModuleList(nn.Linear(SHAPE_FEATURES, 2 * after) for _ in range(2))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        for convolution, to_style in zip(self.convolutions, self.styles, strict=True):
            scale, shift = to_style(style)[:, :, None, None].chunk(2, 1)
            x = functional.silu(convolution(x) * (1 + scale) + shift)
        return x
