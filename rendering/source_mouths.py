"""What an engine makes of a source's mouths before it moves them, found once for each frame."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from face_detection import landmarks
from face_detection.detection import iou
from face_detection.persons import Person
from rendering.placement import FacePlacement
from rendering.spec import RenderSpec
from wav2lip.engine import Engine

# Points whose own box overlaps the face's by less than this are not that face's.
LEAST_OVERLAP = 0.5
# A few batches of frames with several speakers.
CACHE_SIZE = 256


def face_landmarks(
    frame: np.ndarray, box: np.ndarray, roll: float, fitted: bool = True
) -> np.ndarray:
    """The 68 landmarks of the face in `box` (4,), (68, 2) float32 in pixels of `frame`.

    `box` is turned by `roll` degrees. A face whose points do not fit its box has NaN. `fitted` says
    whether the box is one of `face_detection`, and not drawn by hand.
    """
    detect = landmarks.landmarks_in_fitted if fitted else landmarks.landmarks
    x1, y1, x2, y2 = box.tolist()
    points = detect(frame, (x1, y1, x2, y2), roll)
    fits = iou(landmarks.fit_box(points, roll), (x1, y1, x2, y2)) >= LEAST_OVERLAP
    return points if fits else np.full_like(points, np.nan)


def find_mouth(
    engine: Engine, frame: np.ndarray, box: np.ndarray, roll: float, fitted: bool = True
) -> Any:
    """What `engine` makes of the mouth of the face in `box`, for its `render`; None for nothing.

    The parameters are those of `face_landmarks`.
    """
    if engine.mouth_finder is None:
        return None
    points = face_landmarks(frame, box, roll, fitted)
    return engine.mouth_finder.find(frame, box, roll, points)


class SourceMouths:
    """The mouths that an engine finds in a source; threads may share it."""

    def __init__(self, spec: RenderSpec, engine: Engine) -> None:
        self._engine = engine
        self._fitted = spec.source.options.box is None and spec.source.options.pads is None
        self._known: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._lock = Lock()

    def find(
        self, speaker: Person, index: int, face: FacePlacement, crop: Callable[[], np.ndarray]
    ) -> Any:
        """What is known of the speaker's mouth in the source's frame `index`.

        `crop` gives the window of that frame around the `face`, and is called if it is needed.
        """
        key = speaker.id, index
        with self._lock:
            if key in self._known:
                return self._known[key]
        found = find_mouth(self._engine, crop(), face.box_in_window, face.roll, self._fitted)
        with self._lock:
            self._known[key] = found
            while len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return found
