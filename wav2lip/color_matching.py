"""Giving a drawn mouth the colours and the light of the face around it.

What drawing and frame differ by where the two meet is spread over the drawing like a membrane held
at its rim, so that nothing steps at the seam (after Perez, Gangnet and Blake, "Poisson Image
Editing", SIGGRAPH 2003, whose membrane is found here by the pull-push of Gortler et al., "The
Lumigraph", SIGGRAPH 1996). Only what is coarse is evened out: details are the drawing's own.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# The difference is looked at in a copy of so many pixels in width.
COARSE = 24
# The light is known where the drawing hides no more than two thirds of the frame.
RIM = 3.0
# What is darker, in levels, is mostly noise, of which no light is told.
BLACK = np.float32(4)
# Below this share of the seam a coarse pixel tells nothing of its own.
LEAST_WEIGHT = 1e-3

Picture = NDArray[np.float32]  # (height, width, 3) in levels of 255


def matched(drawn: Picture, seen: NDArray[np.uint8], mask: NDArray[np.float32]) -> Picture:
    """`drawn` in the light of `seen`, of the same size, where `mask` (0..1) lets that show."""
    height, width = mask.shape
    size = min(COARSE, width), max(1, min(height, round(COARSE * height / width)))
    want, have = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (seen, drawn))
    # Light multiplies: the logarithm of its change is alike on what is bright and what is dark.
    change = np.log((want + BLACK) / (have.clip(0, 255) + BLACK))
    rim = cv2.resize((RIM * (1 - mask)).clip(0, 1), size, interpolation=cv2.INTER_AREA)
    light = _spread(change * rim[..., None], rim)
    grown = np.exp(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR))
    return (drawn + BLACK) * grown - BLACK


def _spread(weighted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Known values times their weights (0..1), continued smoothly to where nothing is known."""
    height, width = weights.shape
    if height <= 2 or width <= 2:
        mean = weighted.sum(axis=(0, 1)) / max(float(weights.sum()), LEAST_WEIGHT)
        return np.broadcast_to(mean, weighted.shape)
    share = cv2.pyrDown(weights)
    # Of four pixels one that is known is enough.
    known = (4 * share).clip(0, 1)
    values = cv2.pyrDown(weighted) / share.clip(LEAST_WEIGHT)[..., None]
    coarse = _spread(values * known[..., None], known)
    around = cv2.pyrUp(np.ascontiguousarray(coarse, np.float32), dstsize=(width, height))
    return weighted + (1 - weights[..., None]) * around
