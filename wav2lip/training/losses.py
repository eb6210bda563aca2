"""The losses of the renderer: what is asked of a drawn lower face.

Pictures are rows 40..96 of crops, (n, 3, 56, 96) in -1..1.
"""

import torch
from torch import Tensor
from torch.nn import functional

from wav2lip.compact import crop
from wav2lip.compact.renderer import TOP, Drawing
from wav2lip.training import faces
from wav2lip.training.auxiliary_nets import READ_POINTS, Reader

# Weights of the terms of `paired`.
MOUTH, GRADIENT, WARP, POINTS, SHAPES, FEATURES = 5.0, 1.0, 0.3, 0.06, 0.15, 0.03
# Detail is to come from the picture, which has more of it than a drawing can: outside the mouth
# only smooth shades are painted. And there is to be as much of it as in the real frame.
SMOOTH, DETAIL = 2.0, 0.5
# More weight on the driven shape and the renderer learns to please the reader instead of the eye.
DRIVEN_SHAPE, CHROMA, UNCHANGED = 0.03, 1.5, 0.5


def paired(drawing: Drawing, batch: faces.Batch, mask: Tensor, reader: Reader) -> Tensor:
    """The loss of a drawing against the real frame, a scalar: L1 of pixels and gradients, the mouth
    counting most, and a perceptual loss in the features of the frozen `reader`.

    `mask` (1, 1, 56, 96) in 0..1 is where the renderer draws.
    """
    target = batch.target[:, :, TOP:]
    weight = mask * (1 + MOUTH * _bump(batch.points, 13.0, 9.0))
    weight = weight / weight.mean()
    pixels = ((drawing.result - target).abs() * weight).mean()
    edges = sum(
        ((drawing.result.diff(dim=d) - target.diff(dim=d)).abs() * weight.narrow(d, 0, n)).mean()
        for d, n in ((2, target.shape[2] - 1), (3, target.shape[3] - 1))
    )
    moved = ((drawing.warped - target).abs() * weight).mean()
    points, shapes, features = reader(drawing.result)
    with torch.no_grad():
        wanted = reader(target)[2]
    alike = sum(
        functional.l1_loss(a.float(), b.float()) for a, b in zip(features, wanted, strict=True)
    )
    return (
        pixels
        + GRADIENT * edges
        + WARP * moved
        + POINTS * functional.smooth_l1_loss(points, batch.points[:, READ_POINTS])
        + SHAPES * functional.smooth_l1_loss(shapes, batch.shape + batch.rest)
        + FEATURES * alike
        + SMOOTH * _painted_detail(drawing, batch, mask)
        + DETAIL * ((_detail(drawing.result) - _detail(target)).abs() * _pooled(weight)).mean()
    )


def driven(
    drawing: Drawing, batch: faces.Batch, shape: Tensor, mask: Tensor, reader: Reader
) -> Tensor:
    """The loss of a frame driven by another's mouth `shape` (n, 8), a scalar.

    There is no real frame to compare with: the drawing should have that shape, the same colors, and
    the face around the mouth as it was. Target and reference of the batch are one frame.
    """
    before = batch.reference[:, :, TOP:]
    _, shapes, _ = reader(drawing.result)
    colours = functional.avg_pool2d(drawing.result - before, 8)
    chroma = colours - colours.mean(1, keepdim=True)
    elsewhere = mask * (1 - _bump(batch.points, 22.0, 16.0))
    return (
        DRIVEN_SHAPE * functional.smooth_l1_loss(shapes, shape + batch.rest)
        + CHROMA * chroma.abs().mean()
        + UNCHANGED * ((drawing.result - before).abs() * elsewhere).mean()
        + 0.5 * SMOOTH * _painted_detail(drawing, batch, mask)
    )


def hinge(real: Tensor, drawn: Tensor) -> Tensor:
    """The critic's hinge loss: opinions above 1 on real faces and below -1 on drawn ones cost
    nothing.
    """
    return functional.relu(1 - real).mean() + functional.relu(1 + drawn).mean()


def at_the_mouth(picture: Tensor, batch: faces.Batch) -> Tensor:
    """Mean square error against the real frames around the mouth, a scalar in 0..1: PSNR is
    -10 log10 of it.
    """
    weight = _bump(batch.points, 13.0, 9.0)
    error = ((picture - batch.target[:, :, TOP:]) / 2) ** 2
    return (error * weight).mean() / weight.mean()


def _painted_detail(drawing: Drawing, batch: faces.Batch, mask: Tensor) -> Tensor:
    """How much fine detail is painted, or painted over, where no inside of a mouth shows."""
    painted = drawing.result - drawing.warped
    fine = painted - functional.avg_pool2d(painted, 5, 1, 2, count_include_pad=False)
    return (fine.abs() * mask * (1 - batch.inside[:, :, TOP:])).mean()


def _detail(picture: Tensor) -> Tensor:
    """The strength of fine detail around each place, (n, 1, 14, 24)."""
    grey = picture.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]], device=picture.device)
    edges = functional.conv2d(grey, kernel.to(grey.dtype)[None, None], padding=1)
    return (_pooled(edges**2) + 1e-4).sqrt()


def _pooled(field: Tensor) -> Tensor:
    return functional.avg_pool2d(field.float(), 8, 4, 4, count_include_pad=False)


def _bump(points: Tensor, wide: float, high: float) -> Tensor:
    """1 at the middle of the mouth, falling off over `wide` and `high` pixels: (n, 1, 56, 96)."""
    centre = points[:, 48:].mean(1)
    rows = torch.arange(TOP, crop.SIZE, device=points.device) + 0.5
    columns = torch.arange(crop.SIZE, device=points.device) + 0.5
    across = torch.exp(-(((columns - centre[:, :1]) / wide) ** 2) / 2)
    down = torch.exp(-(((rows - centre[:, 1:]) / high) ** 2) / 2)
    return (down[:, :, None] * across[:, None])[:, None]
