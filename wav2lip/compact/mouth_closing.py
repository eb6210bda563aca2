"""A mouth that moves already, brought to rest before it is moved anew.

In a video the face that is drawn on speaks: some of its own movement would show through, most where
the voice wants the lips closed. There the mouth is closed first, and the closed mouth is moved. The
two movements are put together, so that the source's own pixels are still fetched only once.
"""

import torch
from torch import Tensor

from wav2lip.compact import mouth_shape
from wav2lip.compact.renderer import TOP, Renderer, warp

# Mouths that are to be opened less than a usual excursion are closed first, the less the more.
OPEN = 1.0


def share(shapes: Tensor) -> Tensor:
    """How far a mouth is closed first: (n,) in 0..1, from the shapes (n, 8) that are wanted."""
    return (1 - shapes[:, mouth_shape.OPENING] / OPEN).clamp(0, 1)


def draw(
    renderer: Renderer, faces: Tensor, shapes: Tensor, closed: Tensor, shares: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Flow (n, 2, 56, 96), the faces moved by it, and the result, as a `renderer.Drawing` has them.

    `faces` (n, 3, 96, 96) in -1..1; `closed` (8,) is the shape of a mouth at rest.
    """
    weight = shares[:, None, None, None]
    first = renderer.draw(renderer.encode(faces, faces), faces, closed.expand(len(faces), -1))
    to_rest = weight * first.flow.float()
    rested = faces.clone()
    rested[:, :, TOP:] = warp(faces, to_rest) + weight * (first.result - first.warped)
    second = renderer.draw(renderer.encode(rested, rested), rested, shapes)
    # Where the second movement fetches a pixel, the first had fetched it from somewhere else.
    whole = torch.zeros_like(faces[:, :2])
    whole[:, :, TOP:] = to_rest
    flow = second.flow.float() + warp(whole, second.flow.float())
    return flow, warp(faces, flow), second.result
