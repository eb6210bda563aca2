"""Searching few frames of a video, and following the faces through those between.

Where the same faces are found in two frames a stride apart, each is taken up in the frames between
by its landmarks, from where it was in the frame before: a look at the face itself instead of a
search of the whole picture. Landmarks hold on to whatever is there, so now and then, and wherever
they fail, the detector looks again, at no more than the surroundings of the face. Whatever is in
doubt then (a face comes or goes, leaps, or the picture changes) is searched as if there was no
stride. `search_schedule` says which searches are thorough and which can be left out; what one of
them found of a head that leans is looked for in the frames before and after.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np

from face_detection import shots
from face_detection.box_refinement import each_once, follow
from face_detection.detection import Box, Detection, centre, iou
from face_detection.detector import Detector, working_copy
from face_detection.search_schedule import SearchSchedule

# Frames between two searches: of a detector that is quick, and of one that takes most of a second.
# Who comes and goes between two searches is not seen.
STRIDE, LONG_STRIDE = 8, 25
# So many frames after a search the detector looks at the faces that were followed since.
LOOK_AGAIN = 9
# A face that is somewhere else a stride later, or leans otherwise (degrees), may be another one.
SAME_IOU, SAME_ROLL = 0.3, 15.0
# What the landmarks, and the detector, find is not far from where the face must be.
FITTED_IOU, SEEN_IOU = 0.7, 0.5
# A head that leans by so many degrees may be found by a thorough search only.
FAR_LEAN = 20.0
# The surroundings of a face, in sides of it, and the size in which they are looked at.
SURROUNDINGS, SURROUNDINGS_PIXELS = 2.0, 128 * 128


@dataclass(frozen=True, eq=False)
class Searched:
    """Frames that follow each other, and what was `found` in those at the `stops`, first and last
    among them; `signatures` are of all, `changes` (frames - 1,) are between neighbours.
    """

    frames: Sequence[np.ndarray]
    signatures: np.ndarray
    changes: np.ndarray
    stops: list[int]
    found: dict[int, list[Detection]]


class Strided:
    """A detector (see `detectors.Detector`) of frames that follow each other in a video.

    Of frames that have nothing to do with each other it searches every one. A frame that ended one
    call and begins the next, as `overlapping` gives them, is searched once.
    """

    def __init__(self, detector: Detector, stride: int = STRIDE) -> None:
        self.name = detector.name
        self.parameters = {**detector.parameters, "stride": stride}
        self.batch_size = max(LONG_STRIDE // stride, 1) * stride + 1
        self._detector, self._stride = detector, stride
        self._last: tuple[np.ndarray, list[Detection]] | None = None
        self._schedule = SearchSchedule()

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        """As every detector, but it finds out for itself which frames to search thoroughly."""
        return self.follow(self.search(frames)) if frames else []

    def search(self, frames: Sequence[np.ndarray]) -> Searched:
        """The first half of `detect`, for one frame or more.

        It may be at work on the next frames while `follow` is on these: most of the time is spent
        outside Python.
        """
        signatures = np.array([shots.signature(frame) for frame in frames])
        changes = shots.change(signatures[:-1], signatures[1:])
        found: dict[int, list[Detection]] = {}
        if self._last is not None and self._last[0] is frames[0]:
            found[0] = self._last[1]
        else:
            self._schedule = SearchSchedule()
            found[0] = self._search(frames[0], signatures[0], [], thorough=True)
        stops = sorted({*range(0, len(frames), self._stride), len(frames) - 1})
        for first, last in pairwise(stops):
            broken = not _unbroken(changes[first:last])
            ends = last == stops[-1] and self._schedule.is_thorough_due(signatures[last])
            found[last] = self._search(frames[last], signatures[last], found[first], broken or ends)
        for first, last in reversed(list(pairwise(stops))):
            found[first] = self._with_leaning(frames[first], found[first], found[last])
        self._last = frames[-1], found[stops[-1]]
        return Searched(frames, signatures, changes, stops, found)

    def follow(self, searched: Searched) -> list[list[Detection]]:
        """The second half of `detect`: what is in all frames."""
        found = dict(searched.found)
        for first, last in pairwise(searched.stops):
            self._fill(searched.frames, searched.changes, found, first, last)
        return [found[n] for n in range(len(searched.frames))]

    def _search(
        self,
        frame: np.ndarray,
        signature: np.ndarray,
        before: Sequence[Detection],
        thorough: bool,
    ) -> list[Detection]:
        """What is in a frame, a stride after one in which there was what is `before`."""
        known = not before and not thorough and self._schedule.is_known(signature)
        self._schedule.note(signature, not known, thorough)
        if known:
            return []
        (faces,) = self._detector.detect([frame], thorough)
        faces = self._with_leaning(frame, faces, before)
        if not thorough and len(faces) < len(before):
            # Who is not there any more may only be too small, or not to be seen at first sight.
            (faces,) = self._detector.detect([frame])
        return faces

    def _with_leaning(
        self, frame: np.ndarray, faces: list[Detection], near: Sequence[Detection]
    ) -> list[Detection]:
        """`faces`, and those still there that lean in a frame `near` this one.

        Only there are heads looked for that lean too far for a search that is not thorough.
        """
        lost = [
            face
            for face in near
            if abs(face.roll) >= FAR_LEAN
            and all(iou(face.box, other.box) < SAME_IOU for other in faces)
        ]
        again = [
            face
            for face in self._around(frame, lost)
            if any(iou(face.box, other.box) >= SAME_IOU for other in lost)
        ]
        return each_once([*faces, *again]) if again else faces

    def _fill(
        self,
        frames: Sequence[np.ndarray],
        changes: np.ndarray,
        found: dict[int, list[Detection]],
        first: int,
        last: int,
    ) -> None:
        """Find what is in the frames between `first` and `last`."""
        if last - first < 2:
            return
        pairs = _pairs(found[first], found[last])
        if pairs is None or not _unbroken(changes[first:last]):
            middle = (first + last) // 2
            found[middle] = self._between_stops(frames[middle], [*found[first], *found[last]])
            self._fill(frames, changes, found, first, middle)
            self._fill(frames, changes, found, middle, last)
            return
        for at in range(first + 1, last):
            share = 1 / (last - at + 1)
            expected = [_between(a, b, share) for a, b in pairs]
            faces = self._followed(frames[at], expected, (at - first) % LOOK_AGAIN == 0)
            if faces is None:
                found[at] = self._between_stops(frames[at], expected)
                self._fill(frames, changes, found, at, last)
                return
            found[at] = sorted(faces, key=lambda face: face.score, reverse=True)
            pairs = [(face, later) for face, (_, later) in zip(faces, pairs, strict=True)]

    def _between_stops(self, frame: np.ndarray, near: Sequence[Detection]) -> list[Detection]:
        (faces,) = self._detector.detect([frame], thorough=False)
        return self._with_leaning(frame, faces, near)

    def _followed(
        self, frame: np.ndarray, expected: Sequence[Detection], look: bool
    ) -> list[Detection] | None:
        """The faces where they are in this frame, None if one is not where it is expected.

        With `look` they must be faces for the detector as well.
        """
        fitted = _nearest(follow(frame, expected), expected, FITTED_IOU)
        # What landmarks have settled on is mostly plain to see.
        if fitted is not None and (not look or self._seen(frame, expected, False) is not None):
            return fitted
        seen = self._seen(frame, expected)
        return fitted if fitted is not None and seen is not None else seen

    def _seen(
        self, frame: np.ndarray, expected: Sequence[Detection], thorough: bool = True
    ) -> list[Detection] | None:
        """The faces that the detector finds where they are expected, None unless it finds all."""
        return _nearest(self._around(frame, expected, thorough), expected, SEEN_IOU)

    def _around(
        self, frame: np.ndarray, faces: Sequence[Detection], thorough: bool = True
    ) -> list[Detection]:
        """What the detector finds at and around the faces."""
        pictures, places = [], []
        for face in faces:
            left, top, right, bottom = _surroundings(frame, face.box)
            part = frame[top:bottom, left:right]
            picture, scale = working_copy(part, SURROUNDINGS_PIXELS, 1.0)
            pictures.append(picture)
            places.append((left, top, scale))
        return [
            replace(
                each,
                x1=each.x1 / scale + left,
                y1=each.y1 / scale + top,
                x2=each.x2 / scale + left,
                y2=each.y2 / scale + top,
            )
            for found, (left, top, scale) in zip(
                self._detector.detect(pictures, thorough), places, strict=True
            )
            for each in found
        ]


def overlapping(frames: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """`frames` in batches of `size`, 2 or more: each after the first begins with the frame that
    the one before it ended with.
    """
    waiting = iter(frames)
    batch = list(islice(waiting, size))
    while batch:
        yield batch
        new = list(islice(waiting, size - 1))
        batch = [batch[-1], *new] if new else []


def _pairs(
    before: Sequence[Detection], after: Sequence[Detection]
) -> list[tuple[Detection, Detection]] | None:
    """Each face with itself a little later, None unless all are there in both."""
    later = _nearest(after, before, SAME_IOU)
    if later is None or len(before) != len(after):
        return None
    pairs = list(zip(before, later, strict=True))
    return pairs if all(abs(a.roll - b.roll) <= SAME_ROLL for a, b in pairs) else None


def _nearest(
    found: Sequence[Detection], expected: Sequence[Detection], least_iou: float
) -> list[Detection] | None:
    """For each that is expected what was found there, each once; None if there is not enough."""
    if len(found) < len(expected):
        return None
    nearest = [max(found, key=lambda other: iou(face.box, other.box)) for face in expected]
    near = (iou(a.box, b.box) >= least_iou for a, b in zip(nearest, expected, strict=True))
    return nearest if len({id(each) for each in nearest}) == len(expected) and all(near) else None


def _unbroken(changes: np.ndarray) -> bool:
    """Whether none of the changes between neighbouring frames could be a cut or a flash."""
    return bool((changes < shots.LEAST_CHANGE).all())


def _between(a: Detection, b: Detection, share: float) -> Detection:
    """Where a face must be that moves evenly from `a` to `b`, after this share of the way."""
    ends = np.array([(*face.box, face.score, face.roll) for face in (a, b)])
    return Detection(*((1 - share) * ends[0] + share * ends[1]).tolist())


def _surroundings(frame: np.ndarray, box: Box) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the frame that lies around a face."""
    (x, y), (height, width) = centre(box), frame.shape[:2]
    dx, dy = SURROUNDINGS / 2 * (box[2] - box[0]), SURROUNDINGS / 2 * (box[3] - box[1])
    left, top = max(int(x - dx), 0), max(int(y - dy), 0)
    return left, top, min(int(x + dx) + 1, width), min(int(y + dy) + 1, height)
