"""Foreign colour: how much of a mouth has colours that the person's own mouth never has.

Lipstick where there is none, blue teeth and grey lips are seen at once and hardly change PSNR.
"""

from collections.abc import Sequence

import cv2
import numpy as np

# Colours this near to the range are not foreign, in units of CIE Lab; the range leaves out as many
# percent of the pixels at either end.
TOLERANCE, RARE = 2.0, 0.5


def chroma(image: np.ndarray) -> np.ndarray:
    """a and b of CIE Lab of the pixels of an RGB uint8 image, (n, 2) float32."""
    lab = cv2.cvtColor(np.asarray(image, np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:].reshape(-1, 2))


def chroma_range(images: Sequence[np.ndarray]) -> np.ndarray:
    """The lowest and the highest a and b in `images`, RGB uint8: (2, 2) float32."""
    seen = np.concatenate([chroma(image) for image in images])
    return np.percentile(seen, (RARE, 100 - RARE), axis=0).astype(np.float32)


def foreign_colour(image: np.ndarray, known: np.ndarray) -> float:
    """The percentage of the pixels of `image` outside the range `known` of `chroma_range`."""
    low, high = known[0] - TOLERANCE, known[1] + TOLERANCE
    found = chroma(image)
    return float(100 * ((found < low) | (found > high)).any(1).mean())
