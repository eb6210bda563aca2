"""Steps across the edge of the mask through which a rendered face is pasted into its frame.

A step is the difference, in levels of 255, between the band just inside the contour at which the
mask is a half, and the band just outside the mask. Further in lies, for `compact`, the mouth
itself, which is meant to differ. An error of colour or light therefore counts by three quarters; a
warp that changes no colour hardly counts.

A seam is a step that neither the source face nor the rendered face has. The edge runs over chins
and collars, where a patch that is too bright makes steps smaller as often as larger, and what moves
there (a jaw, lips that close over teeth) changes them without a visible seam. So two values are
measured, see `Steps`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from wav2lip import compositing
from wav2lip.compact import mouth_shape
from wav2lip.compact.crop import square
from wav2lip.compact.engine import CompactEngine
from wav2lip.compact.mouth_motion import Speaker
from wav2lip.compact.renderer import Renderer

# Pixels: the side of a face crop and its margin, the depth of the bands, and the length of the edge
# over which a step is averaged.
FACE_SIZE, MARGIN, DEPTH, STRETCH = 192, 24, 6, 16
SIDE = FACE_SIZE + 2 * MARGIN
# Below the first value a mask shows at most a level of 255, above the second everything.
TRANSPARENT, OPAQUE = 1 / 255, 0.99


@dataclass(frozen=True)
class Steps:
    """The steps of a face: means of absolute levels.

    `after` - `before` is how much larger steps became; it means little for one face, whose smile
    may have closed, and more for the mean of many. `apart` is by how much each step differs, larger
    or smaller, from the step between the same two parts of the source face: motion counts little.
    """

    before: float
    after: float
    apart: float


def compare(was: np.ndarray, became: Sequence[np.ndarray], shown: np.ndarray) -> Steps:
    """Steps across the edge of a mask `shown` in a source crop `was`, and in results `became`.

    Crops are those of `face_crop`, (240, 240, 3) uint8; values are means over the results.
    """
    before = np.abs(steps(was, shown)).mean()
    after, apart = [], []
    for seen in became:
        now = steps(seen, shown)
        after.append(np.abs(now).mean())
        apart.append(np.abs(now - steps(warped_to(was, seen), shown)).mean())
    return Steps(float(before), float(np.mean(after)), float(np.mean(apart)))


def face_crop(frame: np.ndarray, box: np.ndarray, roll: float, architecture: str) -> np.ndarray:
    """The upright face with a margin around the area that is rendered, (240, 240, 3) uint8."""
    x1, y1, x2, y2 = _area(box, architecture)
    width, height = (x2 - x1) * MARGIN / FACE_SIZE, (y2 - y1) * MARGIN / FACE_SIZE
    wide = np.array([x1 - width, y1 - height, x2 + width, y2 + height])
    # A roll of almost 0 keeps the interpolation the same as for other rolls.
    return compositing.crop_face(frame, wide, SIDE, roll or 1e-9)


def mask(box: np.ndarray, architecture: str) -> np.ndarray:
    """The opacity of the mask at each pixel of a face crop, (240, 240) in 0..1."""
    if architecture != "compact":
        shown = np.zeros((SIDE, SIDE))
        lower = compositing.lower_half_mask(FACE_SIZE, FACE_SIZE)
        end = MARGIN + FACE_SIZE
        shown[end - len(lower) : end, MARGIN:end] = lower
        return shown
    # `compact` multiplies several masks: the result of painting black white is their product.
    left, top, side = square(box)
    place = (box - np.array([left, top, left, top])) * (FACE_SIZE / side) + MARGIN
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    shapes = np.zeros((1, mouth_shape.COUNT), np.float32)
    [white] = whitener(opacity=1 - 1e-9).render([black], place[None], shapes)
    return white[..., 0] / 255


def whitener(opacity: float) -> CompactEngine:
    """An engine that renders the source face under white paint of this opacity."""
    renderer = Renderer()
    with torch.no_grad():
        renderer.head.weight.zero_()
        # The renderer's outputs: flow, paint, opacity as logits.
        said = [0.0] * 2 + [20.0] * 12 + [math.log(opacity / (1 - opacity))] * 4
        renderer.head.bias.copy_(torch.tensor(said))  # type: ignore[union-attr]
    nobody = Speaker(*np.zeros((3, mouth_shape.COUNT), np.float32))
    unit = np.ones(mouth_shape.COUNT, np.float32)
    engine = CompactEngine([], renderer, nobody, unit, device="cpu", precision="fp32")
    engine.mouth_finder = None  # all mouths are for the renderer
    return engine


def steps(seen: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Inside minus outside, (n, 3) in levels of RGB, for n stretches along the edge of a mask."""
    found = []
    for turn, at, half, end in _stretches(shown):
        across = np.rot90(seen, turn)[:, at : at + STRETCH].astype(float)
        inside, outside = across[half - DEPTH : half], across[end : end + DEPTH]
        found.append((inside - outside).mean(axis=(0, 1)))
    return np.array(found)


def warped_to(was: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The crop `was` warped so that each part is where it is in the crop `seen`.

    By optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (seen, was)]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = np.moveaxis(flow.calc(*grey, np.zeros((SIDE, SIDE, 2), np.float32)), -1, 0)
    x, y = (x + columns).astype(np.float32), (y + rows).astype(np.float32)
    return np.asarray(cv2.remap(was, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _stretches(shown: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """For each stretch of the edge of a mask: (turn, column, half, end).

    After `turn` quarter turns the stretch is at the bottom and starts at `column`; the mask is
    below a half from row `half` on, and transparent from row `end` on.
    """
    for turn in range(4):
        turned = np.rot90(shown, turn)
        first, *_, last = np.flatnonzero(turned.max(axis=0) >= OPAQUE)
        for at in range(first, last + 2 - STRETCH, STRETCH):
            opacity = turned[:, at : at + STRETCH].mean(axis=1)
            half, end = (
                int(np.flatnonzero(opacity > least)[-1]) + 1 for least in (0.5, TRANSPARENT)
            )
            yield turn, at, half, end


def _area(box: np.ndarray, architecture: str) -> np.ndarray:
    if architecture != "compact":
        return box
    left, top, side = square(box)
    return np.array([left, top, left + side, top + side])
