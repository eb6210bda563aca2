"""Colour matching: a drawn mouth takes on the colours and the light of the face around it.

The difference of drawing and frame along the seam is interpolated over the drawing like a membrane,
so that there is no step at the seam (Perez, Gangnet and Blake, "Poisson Image Editing", SIGGRAPH
2003; the membrane is found by the pull-push algorithm of Gortler et al., "The Lumigraph", SIGGRAPH
1996). Only the low frequencies are corrected: details remain those of the drawing.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Width in pixels of the copies that are compared.
COARSE = 24
# The seam: where alpha is at most two thirds (weight 1) or more (falling to 0 at alpha 1).
SEAM = 3.0
# Levels added before the logarithm: darker pixels are mostly noise and tell nothing of the light.
BLACK = np.float32(4)
# With a lower weight a coarse pixel is unknown.
MIN_WEIGHT = 1e-3

Picture = NDArray[np.float32]  # (height, width, 3) in levels of 255


def match_colours(drawn: Picture, face: NDArray[np.uint8], alpha: NDArray[np.float32]) -> Picture:
    """`drawn` in the light of `face`: float32 (height, width, 3), not clipped to 0..255.

    `drawn` is float32 in levels of 255, `face` RGB uint8, `alpha` (height, width) in 0..1 says how
    far the drawing will cover the face; all have the same height and width. The colours are
    compared where alpha is low, and the ratio is interpolated over the rest.
    """
    height, width = alpha.shape
    size = min(COARSE, width), max(1, min(height, round(COARSE * height / width)))
    want, have = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (face, drawn))
    # Light is a factor: its logarithm is the same on bright and on dark pixels.
    change = np.log((want + BLACK) / (have.clip(0, 255) + BLACK))
    seam = cv2.resize((SEAM * (1 - alpha)).clip(0, 1), size, interpolation=cv2.INTER_AREA)
    light = _pull_push(change * seam[..., None], seam)
    gain = np.exp(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR))
    return (drawn + BLACK) * gain - BLACK


def _pull_push(weighted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values times their weights (0..1), interpolated smoothly where the weights are below 1."""
    height, width = weights.shape
    if height <= 2 or width <= 2:
        mean = weighted.sum(axis=(0, 1)) / max(float(weights.sum()), MIN_WEIGHT)
        return np.broadcast_to(mean, weighted.shape)
    mean_weight = cv2.pyrDown(weights)
    # One known pixel of four is enough.
    known = (4 * mean_weight).clip(0, 1)
    values = cv2.pyrDown(weighted) / mean_weight.clip(MIN_WEIGHT)[..., None]
    coarse = _pull_push(values * known[..., None], known)
    around = cv2.pyrUp(np.ascontiguousarray(coarse, np.float32), dstsize=(width, height))
    return weighted + (1 - weights[..., None]) * around
