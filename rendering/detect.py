"""Detection of a source's faces, segment by segment, kept so that no frame is searched twice."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from face_detection import shots
from face_detection.cache import DetectionCache, cache_key
from face_detection.detection import Detection
from face_detection.detectors import Detector
from face_detection.lazy_frame import Frame, LazyFrame, rgb_of
from face_detection.stride import Strided, overlapping
from rendering.prefetch import prefetch
from rendering.progress import SILENT, Progress
from rendering.spec import Source, plan

# Faces are followed through more frames than are rendered at once; nothing else is held meanwhile.
BATCH_BYTES = 80 * 1024**2


@dataclass(frozen=True)
class SegmentDetections:
    """What was found in a run of frames: the faces in each, and the signatures for shot detection.

    `signatures` are (frames, 24, 24) uint8, as `face_detection.shots.signature` makes them.
    """

    faces: list[list[Detection]]
    signatures: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["SegmentDetections"]) -> "SegmentDetections":
        """The detections of runs that follow each other as those of one run."""
        faces = [each for part in parts for each in part.faces]
        none = np.zeros((0, shots.SIDE, shots.SIDE), np.uint8)
        return cls(faces, np.concatenate([none, *(part.signatures for part in parts)]))


def detections_key(source: Source, detector: Detector) -> str:
    """The key in the cache of what `detector` finds in `source`."""
    return cache_key(source.sha256, source.frames_key, detector)


def cached_detections(
    cache: DetectionCache, key: str, start: int, stop: int
) -> SegmentDetections | None:
    """The kept detections of the frames start..stop, None unless all of them are there."""
    faces = cache.get(key, start, stop)
    signatures = cache.get_signatures(key, start, stop)
    if faces is None or signatures is None:
        return None
    return SegmentDetections(faces, signatures)


def detect_segment(
    source: Source,
    start: int,
    stop: int,
    detector: Detector,
    cache: DetectionCache,
    progress: Progress = SILENT,
) -> SegmentDetections:
    """The detections in the source's frames start..stop, from the cache where it has them.

    Raises `Cancelled`, MediaError.
    """
    key = detections_key(source, detector)
    if known := cached_detections(cache, key, start, stop):
        progress.advance(stop - start)
        return known
    found = _search(_read(source, range(start, stop), detector), source, detector, progress)
    _keep(cache, key, start, stop, found)
    return found


def detect_frames(
    source: Source,
    frames: int,
    detector: Detector,
    cache: DetectionCache,
    segment_seconds: float,
    progress: Progress = SILENT,
) -> SegmentDetections:
    """The detections in the source's first `frames` frames, read in one pass.

    They are searched and kept in the segments in which a job does it. Raises as `detect_segment`.
    """
    key = detections_key(source, detector)
    reader, position = _read(source, range(frames), detector), 0
    parts = []
    for start, stop in plan(frames, source.fps, segment_seconds):
        if known := cached_detections(cache, key, start, stop):
            progress.advance(stop - start)
            parts.append(known)
            continue
        if position != start:
            reader = _read(source, range(start, frames), detector)
        parts.append(_search(islice(reader, stop - start), source, detector, progress))
        _keep(cache, key, start, stop, parts[-1])
        position = stop
    return SegmentDetections.joined(parts)


def _read(source: Source, indices: Sequence[int], detector: Detector) -> Iterator[Frame]:
    """The frames as they are best given to a detector: few of them are searched at a stride."""
    if isinstance(detector, Strided) and source.has_stored_planes:
        return map(LazyFrame, source.read_planar(indices))
    return source.read(indices)


def _search(
    frames: Iterator[Frame], source: Source, detector: Detector, progress: Progress
) -> SegmentDetections:
    """The detections in frames of the source that follow each other."""
    faces: list[list[Detection]] = []
    signatures: list[np.ndarray] = []
    width, height = source.size
    size = max(2, min(detector.batch_size, BATCH_BYTES // (3 * width * height)))
    with (
        closing(prefetch(overlapping(frames, size))) as batches,
        closing(_detected(detector, batches)) as detected,
    ):
        for batch_signatures, batch_faces in progress.checked(detected):
            new = slice(1 if faces else 0, None)  # batches overlap by one frame
            faces.extend(batch_faces[new])
            signatures.extend(batch_signatures[new])
            progress.advance(len(batch_signatures[new]))
    return SegmentDetections(
        faces, np.array(signatures, np.uint8).reshape(-1, shots.SIDE, shots.SIDE)
    )


def _detected(
    detector: Detector, batches: Iterator[list[Frame]]
) -> Generator[tuple[Sequence[np.ndarray], list[list[Detection]]], None, None]:
    """The signatures of each batch's frames and the faces in them.

    The next batch is searched while faces are followed through this one.
    """
    if isinstance(detector, Strided):
        with closing(prefetch(detector.search(batch) for batch in batches)) as searched_batches:
            for searched in searched_batches:
                yield list(searched.signatures), detector.follow(searched)
    else:
        for frames in batches:
            batch = [rgb_of(frame) for frame in frames]
            yield [shots.signature(frame) for frame in batch], detector.detect(batch)


def _keep(cache: DetectionCache, key: str, start: int, stop: int, found: SegmentDetections) -> None:
    cache.put(key, start, stop, found.faces)
    cache.put_signatures(key, start, stop, found.signatures)
