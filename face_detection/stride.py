"""Detection with a stride: few frames of a video are searched, the faces tracked between them.

Where the same faces are found in two frames a stride apart, each is followed by its landmarks into
the frame half way, starting from where even motion would bring it: two passes over the face instead
of a search of the whole picture. Where it is there the frames between are interpolated, where it is
not each half is halved again. Landmarks converge on anything, so over longer times, and wherever
they fail, the detector verifies them in the surroundings of the face; heads that are turned far are
followed by the detector alone. Where that leaves a doubt (a face comes or goes,
jumps, or the picture changes) the frames are searched without a stride. `search_schedule` says
which searches are thorough and which are skipped; small faces that a thorough search finds are
looked for where they were in the frames before and after it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import numpy as np

from face_detection import shots
from face_detection.box_refinement import follow, non_maximum_suppression
from face_detection.detection import Box, Detection, centre, iou
from face_detection.detector import Detector, working_copy
from face_detection.lazy_frame import Frame, rgb_of, signature_of
from face_detection.search_schedule import THOROUGH_EVERY, SearchSchedule

# Frames from one search to the next: of a fast detector, and of one that takes most of a second. A
# face that comes and goes between two searches is missed.
STRIDE, LONG_STRIDE = 8, 25
# Up to so many faces take less time to be looked for nearby than the whole picture does.
FEW_FACES = 4
# The detector verifies a followed face whose neighbours are farther apart than so many frames.
VERIFY_EVERY = 9
# A face half way between two sightings is where even motion brings it, within this fraction of its
# width, on average of its sides: half as far from them it is within a quarter of that, less than
# landmarks jitter.
EVEN_MOTION = 0.01
# With a lower IoU, or a larger change of roll (degrees), a stride later it may be another face.
SAME_IOU, SAME_ROLL = 0.3, 15.0
# The least IoU with the expected box, of the landmarks' box and of the detector's.
FITTED_IOU, SEEN_IOU = 0.7, 0.5
# Landmarks do not follow a head with a larger yaw, in degrees.
LANDMARKS_YAW = 40.0
# The surroundings of a face, in sides of its box, and the size at which they are searched.
SURROUNDINGS, SURROUNDINGS_PIXELS = 2.0, 128 * 128


@dataclass(frozen=True, eq=False)
class Searched:
    """Consecutive frames, and the faces `found` in those at the `stops`, which include the first
    and the last. `signatures` (n, 24, 24) are of all frames, `changes` (n - 1,) between neighbours.
    """

    frames: Sequence[Frame]
    signatures: np.ndarray
    changes: np.ndarray
    stops: list[int]
    found: dict[int, list[Detection]]


class Strided:
    """A `Detector` of consecutive frames of a video, which searches one frame in a `stride`.

    Unrelated frames are searched one by one. A frame that ends one call and begins the next, as
    `overlapping` gives them, is searched once.
    """

    def __init__(self, detector: Detector, stride: int = STRIDE) -> None:
        self.name = detector.name
        self.parameters = {
            **detector.parameters,
            "stride": stride,
            "thorough_every": THOROUGH_EVERY,
        }
        self.batch_size = max(LONG_STRIDE // stride, 1) * stride + 1
        self.detector, self._stride = detector, stride
        self._last: tuple[Frame, list[Detection]] | None = None
        self._schedule = SearchSchedule()

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        """See `Detector.detect`; `thorough` is ignored, the schedule decides it frame by frame."""
        return self.follow(self.search(frames)) if frames else []

    def search(self, frames: Sequence[Frame]) -> Searched:
        """The first half of `detect`: searches the frames at the stops. At least one frame.

        It may run on the next frames in another thread while `follow` runs on these: most of the
        time is spent outside Python.
        """
        signatures = np.array([signature_of(frame) for frame in frames])
        changes = shots.change(signatures[:-1], signatures[1:])
        found: dict[int, list[Detection]] = {}
        if self._last is not None and self._last[0] is frames[0]:
            found[0] = self._last[1]
        else:
            self._schedule = SearchSchedule()
            found[0] = self._search(rgb_of(frames[0]), signatures[0], [], thorough=True)
        stops = sorted({*range(0, len(frames), self._stride), len(frames) - 1})
        for first, last in pairwise(stops):
            broken = not _unbroken(changes[first:last])
            ends = last == stops[-1] and self._schedule.is_thorough_due(signatures[last])
            found[last] = self._search(
                rgb_of(frames[last]), signatures[last], found[first], broken or ends
            )
        for first, last in reversed(list(pairwise(stops))):
            found[first] = self._with_lost(rgb_of(frames[first]), found[first], found[last])
        self._last = frames[-1], found[stops[-1]]
        return Searched(frames, signatures, changes, stops, found)

    def follow(self, searched: Searched) -> list[list[Detection]]:
        """The second half of `detect`: the faces of all frames, tracked between the stops."""
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
        """The faces of a frame a stride after one with the faces `before`."""
        if not thorough and (nearby := self._found_nearby(frame, before)):
            self._schedule.record(signature, True, False, whole=False)
            return nearby
        unchanged = not before and not thorough and self._schedule.is_unchanged(signature)
        self._schedule.record(signature, not unchanged, thorough)
        if unchanged:
            return []
        (faces,) = self.detector.detect([frame], thorough)
        faces = self._with_lost(frame, faces, before)
        if not thorough and len(faces) < len(before):
            # A lost face may have moved, and be too small for a search that is not thorough.
            (faces,) = self.detector.detect([frame])
        return faces

    def _found_nearby(
        self, frame: np.ndarray, before: Sequence[Detection]
    ) -> list[Detection] | None:
        """All faces `before` as they are now, where it is enough to look for them nearby."""
        few = 0 < len(before) <= FEW_FACES and self._stride <= STRIDE
        if not few or not self._schedule.was_whole:
            return None
        nearby = self._detected(frame, before, thorough=False)
        return nearby and _best_first(nearby)

    def _with_lost(
        self, frame: np.ndarray, faces: list[Detection], near: Sequence[Detection]
    ) -> list[Detection]:
        """`faces`, and those of a `near` frame that are still where they were.

        A search that is not thorough misses small ones, so their surroundings are searched.
        """
        lost = [
            face for face in near if all(iou(face.box, other.box) < SAME_IOU for other in faces)
        ]
        again = [
            face
            for face in self._around(frame, lost)
            if any(iou(face.box, other.box) >= SAME_IOU for other in lost)
        ]
        return non_maximum_suppression([*faces, *again]) if again else faces

    def _fill(
        self,
        frames: Sequence[Frame],
        changes: np.ndarray,
        found: dict[int, list[Detection]],
        first: int,
        last: int,
    ) -> None:
        """Find the faces of the frames between `first` and `last`, the middle one first."""
        if last - first < 2:
            return
        middle = (first + last) // 2
        frame = rgb_of(frames[middle])
        pairs = _pairs(found[first], found[last])
        if pairs is None or not _unbroken(changes[first:last]):
            found[middle] = self._between_stops(frame, [*found[first], *found[last]])
        else:
            step = (middle - first) / (last - first)
            expected = [_interpolated(a, b, step) for a, b in pairs]
            faces = self._followed(frame, expected, last - first > VERIFY_EVERY)
            if faces is None:
                found[middle] = self._between_stops(frame, expected)
            else:
                found[middle] = _best_first(faces)
                if last - first <= STRIDE and _move_evenly(faces, expected):
                    _interpolate(found, first, middle, [before for before, _ in pairs], faces)
                    _interpolate(found, middle, last, faces, [after for _, after in pairs])
                    return
        self._fill(frames, changes, found, first, middle)
        self._fill(frames, changes, found, middle, last)

    def _between_stops(self, frame: np.ndarray, near: Sequence[Detection]) -> list[Detection]:
        (faces,) = self.detector.detect([frame], thorough=False)
        return self._with_lost(frame, faces, near)

    def _followed(
        self, frame: np.ndarray, expected: Sequence[Detection], verify: bool
    ) -> list[Detection] | None:
        """The `expected` faces as they are in this frame, None if one is not there.

        With `verify` the detector must find them as well.
        """
        turned = [face for face in expected if abs(face.yaw) > LANDMARKS_YAW]
        others = [face for face in expected if abs(face.yaw) <= LANDMARKS_YAW]
        faces = [*follow(frame, others), *self._around(frame, turned, thorough=False)]
        fitted = _nearest(faces, expected, FITTED_IOU)
        # A quick search finds most faces on which landmarks converge.
        if fitted is not None and (
            not verify or self._detected(frame, expected, False) is not None
        ):
            return fitted
        seen = self._detected(frame, expected)
        return fitted if fitted is not None and seen is not None else seen

    def _detected(
        self, frame: np.ndarray, expected: Sequence[Detection], thorough: bool = True
    ) -> list[Detection] | None:
        """The detector's faces where they are expected, None unless it finds all."""
        return _nearest(self._around(frame, expected, thorough), expected, SEEN_IOU)

    def _around(
        self, frame: np.ndarray, faces: Sequence[Detection], thorough: bool = True
    ) -> list[Detection]:
        """The detector's faces in the surroundings of `faces`."""
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
                self.detector.detect(pictures, thorough), places, strict=True
            )
            for each in found
        ]


def overlapping(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
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
    """Each face of `before` with the same face of `after`, None unless both hold all."""
    later = _nearest(after, before, SAME_IOU)
    if later is None or len(before) != len(after):
        return None
    pairs = list(zip(before, later, strict=True))
    return pairs if all(abs(a.roll - b.roll) <= SAME_ROLL for a, b in pairs) else None


def _nearest(
    found: Sequence[Detection], expected: Sequence[Detection], least_iou: float
) -> list[Detection] | None:
    """The face found for each expected one, by IoU, each once; None if one is missing."""
    if len(found) < len(expected):
        return None
    nearest = [max(found, key=lambda other: iou(face.box, other.box)) for face in expected]
    near = (iou(a.box, b.box) >= least_iou for a, b in zip(nearest, expected, strict=True))
    return nearest if len({id(each) for each in nearest}) == len(expected) and all(near) else None


def _unbroken(changes: np.ndarray) -> bool:
    """Whether no change between neighbouring frames is large enough for a cut or a flash."""
    return bool((changes < shots.MIN_CHANGE).all())


def _move_evenly(faces: Sequence[Detection], expected: Sequence[Detection]) -> bool:
    """Whether faces are so nearly where even motion brings them that they are between as well."""
    ends = zip(faces, expected, strict=True)
    return all(
        np.abs(np.subtract(face.box, other.box)).mean() <= EVEN_MOTION * (face.x2 - face.x1)
        for face, other in ends
    )


def _interpolate(
    found: dict[int, list[Detection]],
    first: int,
    last: int,
    before: Sequence[Detection],
    after: Sequence[Detection],
) -> None:
    """Set the faces of the frames between `first` and `last`; `before` and `after` are in pairs."""
    for at in range(first + 1, last):
        step = (at - first) / (last - first)
        pairs = zip(before, after, strict=True)
        found[at] = _best_first([_interpolated(a, b, step) for a, b in pairs])


def _best_first(faces: Sequence[Detection]) -> list[Detection]:
    return sorted(faces, key=lambda face: face.score, reverse=True)


def _interpolated(a: Detection, b: Detection, step: float) -> Detection:
    """A face on its way from `a` (`step` 0) to `b` (`step` 1), linearly."""
    ends = np.array([(*face.box, face.score, face.roll, face.yaw) for face in (a, b)])
    return Detection(*((1 - step) * ends[0] + step * ends[1]).tolist())


def _surroundings(frame: np.ndarray, box: Box) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the frame that lies around a face."""
    (x, y), (height, width) = centre(box), frame.shape[:2]
    dx, dy = SURROUNDINGS / 2 * (box[2] - box[0]), SURROUNDINGS / 2 * (box[3] - box[1])
    left, top = max(int(x - dx), 0), max(int(y - dy), 0)
    return left, top, min(int(x + dx) + 1, width), min(int(y + dy) + 1, height)
