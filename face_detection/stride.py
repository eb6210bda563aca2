"""Searching few frames of a video, and following the faces through those between.

Where the same faces are found in two frames a stride apart, each is taken up in the frames between
by its landmarks, from where it must be by then: a look at the face itself instead of a search of
the whole picture. Wherever that is in doubt (a face comes or goes, leaps, turns away, or the
picture changes), the frames are searched as if there was no stride.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from face_detection import shots
from face_detection.detection import Detection, iou
from face_detection.detectors import Detector
from face_detection.fitting import fit

STRIDE = 8
# A face that is somewhere else a stride later, or leans otherwise (degrees), may be another one.
SAME_IOU, SAME_ROLL = 0.5, 15.0
# What the landmarks find is not far from where the face must be.
EXPECTED_IOU = 0.7
# A search costs memory for every frame that is given at once.
STRIDES_AT_ONCE = 3


class Strided:
    """A detector (see `detectors.Detector`) of frames that follow each other in a video.

    Of frames that have nothing to do with each other it searches every one.
    """

    def __init__(self, detector: Detector, stride: int = STRIDE) -> None:
        self.name = detector.name
        self.parameters = {**detector.parameters, "stride": stride}
        self.batch_size = STRIDES_AT_ONCE * stride + 1
        self._detector, self._stride = detector, stride

    def detect(self, frames: Sequence[np.ndarray]) -> list[list[Detection]]:
        if not frames:
            return []
        searched = sorted({*range(0, len(frames), self._stride), len(frames) - 1})
        found = dict(
            zip(searched, self._detector.detect([frames[n] for n in searched]), strict=True)
        )
        for first, last in pairwise(searched):
            self._fill(frames, found, first, last)
        return [found[n] for n in range(len(frames))]

    def _fill(
        self,
        frames: Sequence[np.ndarray],
        found: dict[int, list[Detection]],
        first: int,
        last: int,
    ) -> None:
        """Find what is in the frames between `first` and `last`."""
        if last - first < 2:
            return
        pairs = _pairs(found[first], found[last])
        if pairs is None or not _unbroken(frames[first : last + 1]):
            middle = (first + last) // 2
            (found[middle],) = self._detector.detect([frames[middle]])
            self._fill(frames, found, first, middle)
            self._fill(frames, found, middle, last)
            return
        for at in range(first + 1, last):
            share = (at - first) / (last - first)
            followed = _followed(frames[at], [_between(a, b, share) for a, b in pairs])
            if followed is None:
                (followed,) = self._detector.detect([frames[at]])
            found[at] = followed


def _pairs(
    before: Sequence[Detection], after: Sequence[Detection]
) -> list[tuple[Detection, Detection]] | None:
    """Each face with itself a little later, None unless all are there in both."""
    if len(before) != len(after):
        return None
    pairs = [(face, max(after, key=lambda other: iou(face.box, other.box))) for face in before]
    if len({id(later) for _, later in pairs}) < len(pairs):
        return None
    alike = (iou(a.box, b.box) >= SAME_IOU and abs(a.roll - b.roll) <= SAME_ROLL for a, b in pairs)
    return pairs if all(alike) else None


def _unbroken(frames: Sequence[np.ndarray]) -> bool:
    """Whether nothing between neighbouring frames could be a cut or a flash."""
    signatures = np.array([shots.signature(frame) for frame in frames])
    return bool(shots.change(signatures[:-1], signatures[1:]).max() < shots.LEAST_CHANGE)


def _between(a: Detection, b: Detection, share: float) -> Detection:
    """Where a face must be that moves evenly from `a` to `b`, after this share of the way."""
    ends = np.array([(*face.box, face.score, face.roll) for face in (a, b)])
    return Detection(*((1 - share) * ends[0] + share * ends[1]).tolist())


def _followed(frame: np.ndarray, expected: Sequence[Detection]) -> list[Detection] | None:
    """The faces where they are in this frame, None if one is not where it is expected."""
    faces = fit(frame, expected, np.inf)
    if len(faces) < len(expected):
        return None
    near = (max(iou(face.box, e.box) for e in expected) >= EXPECTED_IOU for face in faces)
    return faces if all(near) else None
