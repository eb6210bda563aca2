"""Closing a mouth that moves in the source before it is animated anew.

In a video the person who is animated speaks already, and part of that movement would show through,
most where the voice wants the lips closed. There the mouth is closed first and the closed mouth is
animated. The two flows are composed, so that pixels of the source are resampled only once.
"""

import torch
from torch import Tensor

from wav2lip.compact import mouth_shape
from wav2lip.compact.renderer import TOP, Renderer, warp

# Closing weight 0 from this opening on, in usual excursions; 1 at an opening of 0.
OPEN = 1.0


def closing_weight(shapes: Tensor) -> Tensor:
    """How far each mouth is closed first: (n,) in 0..1, from the wanted shapes (n, 8).

    1 where the voice wants closed lips, falling linearly to 0 at the opening `OPEN`.
    """
    return (1 - shapes[:, mouth_shape.OPENING] / OPEN).clamp(0, 1)


def draw(
    renderer: Renderer, faces: Tensor, shapes: Tensor, closed: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Flow (n, 2, 56, 96), the warped faces and the result, both (n, 3, 56, 96).

    They are those of a `renderer.Drawing`. `faces` (n, 3, 96, 96) and the pictures that are
    returned are in -1..1, `shapes` (n, 8) the wanted mouth shapes, `closed` (8,) the shape of a
    mouth at rest, `weights` (n,) of `closing_weight`.
    """
    weight = weights[:, None, None, None]
    first = renderer.draw(renderer.encode(faces, faces), faces, closed.expand(len(faces), -1))
    closing_flow = weight * first.flow.float()
    rested = faces.clone()
    rested[:, :, TOP:] = warp(faces, closing_flow) + weight * (first.result - first.warped)
    second = renderer.draw(renderer.encode(rested, rested), rested, shapes)
    # Composition of flows: where the second fetches a pixel, the first had fetched it elsewhere.
    whole = torch.zeros_like(faces[:, :2])
    whole[:, :, TOP:] = closing_flow
    flow = second.flow.float() + warp(whole, second.flow.float())
    return flow, warp(faces, flow), second.result
