"""Where the faces are: detectors, the persons they belong to, and the cache of what was found.

import face_detection
from face_detection.persons import link

persons = link(list(face_detection.detect(frames)))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from face_detection.detection import Detection

if TYPE_CHECKING:
    import numpy as np

    from face_detection.detector import Detector

__all__ = ["Detection", "detect"]


def detect(
    frames: Iterable[np.ndarray], detector: Detector | None = None
) -> Iterator[list[Detection]]:
    """Yield the faces of each frame, best score first; an empty list where there is none.

    `frames` are RGB uint8 (height, width, 3) and are read a batch at a time, never all at once.
    Without a detector the best one that is installed is used. Raises `NamedError`
    `checkpoint-missing` or `checkpoint-corrupt` when that one's weights cannot be loaded.
    """
    if detector is None:
        from face_detection.detectors import load_detector

        detector = load_detector()
    waiting = iter(frames)
    while batch := list(islice(waiting, detector.batch_size)):
        yield from detector.detect(batch)
