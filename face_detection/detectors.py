"""What a detector is, and which one to use."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

import checkpoints
from face_detection.detection import Detection

# Raised whenever the same detector with the same parameters starts to give other boxes.
BOXES_VERSION = 4


class Detector(Protocol):
    """Finds every face in every frame it is given, in two threads at once if need be."""

    name: str
    # Everything beside the frames that decides the boxes: part of the key of the detection cache.
    parameters: dict[str, str | int | float]
    # How many frames it likes to be given at once.
    batch_size: int

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        """The faces of each frame (RGB uint8), best score first, refined by `box_refinement.fit`.

        Unless it is `thorough` it may leave out heads that only a search of their own would find.
        """
        ...


def load_detector(
    name: str | None = None, *, still: bool = False, batch_size: int | None = None
) -> Detector:
    """The detector called `name`, "s3fd" or "dlib"; by default S3FD where its weights are present.

    A `still` is searched for smaller faces than the many frames of a video, of which few are
    searched and the faces followed through the others (`stride.Strided`). Raises `NamedError`
    `checkpoint-missing` or `checkpoint-corrupt` for S3FD's weights, ValueError for another name.
    """
    from face_detection.stride import LONG_STRIDE, STRIDE, Strided

    detector = _searching(name or default_detector(), still, batch_size)
    if still:
        return detector
    return Strided(detector, LONG_STRIDE if detector.name == "s3fd" else STRIDE)


def _searching(name: str, still: bool, batch_size: int | None) -> Detector:
    if name == "dlib":
        from face_detection.dlib_detector import DlibDetector

        return DlibDetector(still=still)
    if name == "s3fd":
        from face_detection.s3fd import S3fdDetector

        return S3fdDetector(still=still, batch_size=batch_size)
    raise ValueError(f"there is no face detector called {name!r}: use 's3fd' or 'dlib'")


def default_detector() -> str:
    """The name of the detector that is used when none is asked for."""
    return "s3fd" if checkpoints.get("s3fd").present else "dlib"


def working_copy(frame: np.ndarray, max_pixels: int, max_scale: float) -> tuple[np.ndarray, float]:
    """The frame as large as is allowed, and the scale it was brought to.

    It grows up to `max_scale` times, which makes small faces findable, and shrinks as far as
    `max_pixels` demands, which bounds time and memory.
    """
    height, width = frame.shape[:2]
    scale = min(max_scale, (max_pixels / (height * width)) ** 0.5)
    if scale == 1:
        return frame, 1.0
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(frame, size, interpolation=how), scale
