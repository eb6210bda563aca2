"""Linking of detections to persons, who are followed through the whole source."""

from collections.abc import Iterator, Sequence

import numpy as np

from face_detection import shots
from face_detection.cache import DetectionCache
from face_detection.detection import Box
from face_detection.identity import EMBEDDINGS_VERSION, identity_from
from face_detection.persons import Person, link, require_faces
from media.errors import NamedError
from rendering.detect import SegmentDetections
from rendering.progress import SILENT, Progress
from rendering.spec import Source


def link_persons(
    source: Source,
    detections: SegmentDetections,
    progress: Progress = SILENT,
    cache: DetectionCache | None = None,
) -> list[Person]:
    """The persons in the frames from 0 on, which have these `detections`, numbered from 1.

    With a given box there is one person, who is there. Faces of a video are read again, a few of
    each track in one pass, for their identity embeddings; with a `cache` only once for a source.

    Raises `Cancelled` and NamedError: no-face-found, face-too-small, bad-option for a box outside
    the picture.
    """
    if source.options.box is not None:
        return [_person_in_box(source, source.options.box)]
    identity = None
    if not source.is_fixed:
        identity = identity_from(lambda indices: _frames_at(source, indices, progress))
        if cache is not None:
            key = f"{source.sha256} {source.frames_key} {EMBEDDINGS_VERSION}"
            identity = cache.remembering(key, identity)
    cuts = shots.cuts(detections.signatures, source.fps)
    persons = link(detections.faces, source.fps, cuts, identity)
    require_faces(persons)
    return persons


def _person_in_box(source: Source, box: Box) -> Person:
    x1, y1, x2, y2 = box
    width, height = source.size
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise NamedError(
            "bad-option",
            f"The box lies outside the picture, which has {width} x {height} pixels.",
            "Give a box inside the picture.",
        )
    boxes = np.array([[x1, y1, x2, y2]], np.float32)
    return Person(1, np.array([0]), boxes, np.ones(1, np.float32), source.fps)


def _frames_at(source: Source, indices: Sequence[int], progress: Progress) -> Iterator[np.ndarray]:
    """The source's frames at `indices`, which rise; progress counts those between as well."""
    done = 0
    for index, frame in zip(indices, progress.checked(source.read(indices)), strict=True):
        yield frame
        progress.advance(index - done)
        done = index
