"""What every face detector can do, and what the detectors share."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from face_detection.detection import Detection

# Raised whenever the same detector with the same parameters starts to give other boxes.
BOXES_VERSION = 6


class Detector(Protocol):
    """Finds every face in every frame it is given; two threads may call it at once."""

    name: str
    # All that decides the boxes apart from the frames: part of the key of the detection cache.
    parameters: dict[str, str | int | float]
    # The number of frames a call is best given.
    batch_size: int

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        """The faces of each frame, best score first, refined by `box_refinement.fit`.

        Frames are RGB uint8 (height, width, 3) of any sizes. A search that is not `thorough` is
        quicker and may miss small faces.
        """
        ...


def working_copy(frame: np.ndarray, max_pixels: int, max_scale: float) -> tuple[np.ndarray, float]:
    """The frame, resized for a search, and the scale of that copy.

    It is enlarged up to `max_scale` times, which makes small faces findable, and reduced as far as
    `max_pixels` demands, which bounds time and memory.
    """
    height, width = frame.shape[:2]
    scale = min(max_scale, (max_pixels / (height * width)) ** 0.5)
    if scale == 1:
        return frame, 1.0
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(frame, size, interpolation=interpolation), scale
