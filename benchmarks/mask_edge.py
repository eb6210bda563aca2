"""The steps across the edge of the mask through which a drawing shows, in a frame and its result.

A step is the difference, in levels of 255, between the first band in which more is seen of the
drawing than of the frame and the first in which nothing is seen of it. Further in lies, for
`compact`, the mouth itself, which is meant to differ. What a drawing is off by in colour or light
therefore counts by three quarters; what it bends without changing a colour hardly counts.

A seam is a step that neither face has: not the one that was, nor the one that is drawn. A rim runs
over chins and collars, where a patch that is too bright makes steps smaller as often as larger, and
what moves there (a jaw that sinks, lips that close over teeth) changes them though nobody would
see a seam. So two things are told, see `Steps`.
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

# A face is looked at in so many pixels, with as much around it; bands are so deep, and a step is
# taken over so long a stretch of them.
LOOK, AROUND, DEPTH, STRETCH = 192, 24, 6, 16
SIDE = LOOK + 2 * AROUND
# A mask of less shows nothing: that is a level of 255 at most; of more, all.
NOTHING, ALL = 1 / 255, 0.99


@dataclass(frozen=True)
class Steps:
    """The steps of a face: means of absolute levels.

    `after` less `before` says how much larger steps have become: little of one face, whose smile
    may just have closed, more of many, where such things even out. `apart` says by how much each
    step differs, whether larger or smaller, from that between the same two pieces of the face as
    they were: what merely moved counts for little.
    """

    before: float
    after: float
    apart: float


def compare(was: np.ndarray, became: Sequence[np.ndarray], shown: np.ndarray) -> Steps:
    """The steps of one look and of those that it has become, across the edge of a mask."""
    before = np.abs(steps(was, shown)).mean()
    after, apart = [], []
    for seen in became:
        now = steps(seen, shown)
        after.append(np.abs(now).mean())
        apart.append(np.abs(now - steps(followed(was, seen), shown)).mean())
    return Steps(float(before), float(np.mean(after)), float(np.mean(apart)))


def look(frame: np.ndarray, box: np.ndarray, roll: float, architecture: str) -> np.ndarray:
    """The face upright, (240, 240, 3) in levels, with a margin around the area that is drawn."""
    x1, y1, x2, y2 = _area(box, architecture)
    width, height = (x2 - x1) * AROUND / LOOK, (y2 - y1) * AROUND / LOOK
    wide = np.array([x1 - width, y1 - height, x2 + width, y2 + height])
    # A box that leans by nearly nothing is seen through the same glass as any other.
    return compositing.crop_face(frame, wide, SIDE, roll or 1e-9)


def mask(box: np.ndarray, architecture: str) -> np.ndarray:
    """How much of a drawing shows at each pixel of a look, (240, 240) in 0..1."""
    if architecture != "compact":
        shown = np.zeros((SIDE, SIDE))
        lower = compositing.lower_half_mask(LOOK, LOOK)
        end = AROUND + LOOK
        shown[end - len(lower) : end, AROUND:end] = lower
        return shown
    # There several masks follow each other: what they do together is what becomes of white.
    left, top, side = square(box)
    place = (box - np.array([left, top, left, top])) * (LOOK / side) + AROUND
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    shapes = np.zeros((1, mouth_shape.COUNT), np.float32)
    [white] = whitener(opacity=1 - 1e-9).render([black], place[None], shapes)
    return white[..., 0] / 255


def whitener(opacity: float) -> CompactEngine:
    """An engine whose drawing is the face as it is, under white paint of such an opacity."""
    renderer = Renderer()
    with torch.no_grad():
        renderer.head.weight.zero_()
        # Its flow, its paint and its opacity, as the renderer reads them.
        said = [0.0] * 2 + [20.0] * 12 + [math.log(opacity / (1 - opacity))] * 4
        renderer.head.bias.copy_(torch.tensor(said))  # type: ignore[union-attr]
    nobody = Speaker(*np.zeros((3, mouth_shape.COUNT), np.float32))
    unit = np.ones(mouth_shape.COUNT, np.float32)
    return CompactEngine([], renderer, nobody, unit, device="cpu", precision="fp32")


def steps(seen: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The steps inwards of a look, (n, 3), one for each stretch along all the edge of a mask."""
    found = []
    for turn, at, half, end in _stretches(shown):
        across = np.rot90(seen, turn)[:, at : at + STRETCH].astype(float)
        inside, outside = across[half - DEPTH : half], across[end : end + DEPTH]
        found.append((inside - outside).mean(axis=(0, 1)))
    return np.array(found)


def followed(was: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The look `was`, each of its pieces moved to where it is in the look `seen`.

    By optical flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (seen, was)]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = np.moveaxis(flow.calc(*grey, np.zeros((SIDE, SIDE, 2), np.float32)), -1, 0)
    x, y = (x + columns).astype(np.float32), (y + rows).astype(np.float32)
    return np.asarray(cv2.remap(was, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _stretches(shown: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Where a mask ends, for each stretch of its edge: (turn, column, half, end).

    After so many quarter turns the stretch is at the bottom, begins in that column, and the mask is
    less than a half, and nothing, from those rows on.
    """
    for turn in range(4):
        turned = np.rot90(shown, turn)
        first, *_, last = np.flatnonzero(turned.max(axis=0) >= ALL)
        for at in range(first, last + 2 - STRETCH, STRETCH):
            share = turned[:, at : at + STRETCH].mean(axis=1)
            half, end = (int(np.flatnonzero(share > least)[-1]) + 1 for least in (0.5, NOTHING))
            yield turn, at, half, end


def _area(box: np.ndarray, architecture: str) -> np.ndarray:
    if architecture != "compact":
        return box
    left, top, side = square(box)
    return np.array([left, top, left + side, top + side])
