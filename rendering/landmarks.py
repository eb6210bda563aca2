"""The landmarks of the faces that are to be moved, for engines that use them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from face_detection import landmarks
from face_detection.detection import iou

# Points whose own box overlaps the face's by less than this are not that face's.
LEAST_OVERLAP = 0.5


def of_faces(
    frames: Sequence[np.ndarray], boxes: np.ndarray, rolls: np.ndarray, fitted: bool = True
) -> np.ndarray:
    """The 68 landmarks of the face in each box, (n, 68, 2) float32 in pixels of its frame.

    `boxes` (n, 4) are turned by `rolls` (n,) degrees. A face whose points do not fit its box has
    NaN. A frame that is given several times, as a still is, is searched once. `fitted` says
    whether the boxes are those of `face_detection`, and not drawn by hand.
    """
    detect = landmarks.landmarks_in_fitted if fitted else landmarks.landmarks
    known: dict[tuple[Any, ...], np.ndarray] = {}
    out = np.empty((len(frames), 68, 2), np.float32)
    for n, (frame, box, roll) in enumerate(
        zip(frames, boxes.tolist(), rolls.tolist(), strict=True)
    ):
        key = (id(frame), *box, roll)
        if key not in known:
            points = detect(frame, tuple(box), roll)
            fits = iou(landmarks.fit_box(points, roll), tuple(box)) >= LEAST_OVERLAP
            known[key] = points if fits else np.full_like(points, np.nan)
        out[n] = known[key]
    return out
