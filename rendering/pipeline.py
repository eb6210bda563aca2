"""The steps of a spec as plain functions: no database, no queue.

The tasks and the command line both call these, so that both make the same video, bit for bit.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import checkpoints
from face_detection import shots
from face_detection.cache import DetectionCache, cache_key
from face_detection.detection import Detection
from face_detection.detectors import Detector
from face_detection.identity import EMBEDDINGS_VERSION, identity_from
from face_detection.persons import Person, link, require_faces
from face_detection.stride import Strided, overlapping
from media import provenance
from media.assemble import concatenate
from media.badge import add_badge
from media.certificate import Certificate
from media.errors import NamedError
from media.mixing import mix
from media.planar import Planar
from media.video_writer import STILL_CRF, VIDEO_CRF, VideoWriter
from rendering import driving_audio, threads
from rendering.prefetch import ahead, behind, beside
from rendering.spec import RenderSpec, Source, plan
from wav2lip.engine import Engine
from wav2lip.rotated_box import grown

# Frames that are worked on together; between two batches a cancelled job is let go. While two
# batches are worked on, the next is read and the last one written: all four are in memory.
BATCH_FRAMES = 16
BATCH_BYTES = 32 * 1024**2
# Faces are followed through more frames than are drawn at once; nothing else is held meanwhile.
SEARCH_BYTES = 80 * 1024**2

Progress = Callable[[int], None]  # is told how many more frames are done


@dataclass(frozen=True)
class Seen:
    """What was found in a run of frames: the faces in each, and what its shots are told by.

    `signatures` are (frames, 24, 24) uint8, as `face_detection.shots.signature` makes them.
    """

    faces: list[list[Detection]]
    signatures: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Seen"]) -> "Seen":
        """Of runs that follow each other; of none nothing."""
        faces = [each for part in parts for each in part.faces]
        none = np.zeros((0, shots.SIDE, shots.SIDE), np.uint8)
        return cls(faces, np.concatenate([none, *(part.signatures for part in parts)]))


class Cancelled(Exception):
    """Nobody wants the result any more."""


def _silent(_frames: int) -> None:
    """Tell nobody about progress."""


def _wanted() -> bool:
    return False


def detections_key(source: Source, content: str, detector: Detector) -> str:
    """What the detections of a source, whose bytes have the sha256 `content`, are kept under."""
    return cache_key(content, _transformed(source), detector)


def _transformed(source: Source) -> str:
    """What its frames depend on beside its bytes: the rate at which they are read as well."""
    return f"{source.transform.key()} {source.info.fps}"


def detect_segment(
    source: Source,
    content: str,
    start: int,
    stop: int,
    detector: Detector,
    cache: DetectionCache,
    progress: Progress = _silent,
    cancelled: Callable[[], bool] = _wanted,
) -> Seen:
    """What is in the source's frames start..stop, from the cache where it is known.

    `content` is the sha256 of the source's bytes. Raises `Cancelled`, MediaError.
    """
    key = detections_key(source, content, detector)
    if known := recall(cache, key, start, stop):
        progress(stop - start)
        return known
    seen = _search(source.read(range(start, stop)), source, detector, progress, cancelled)
    _keep(cache, key, start, stop, seen)
    return seen


def detect(
    source: Source,
    content: str,
    frames: int,
    detector: Detector,
    cache: DetectionCache,
    segment_seconds: float,
    progress: Progress = _silent,
) -> Seen:
    """What is in the source's first frames, in one go, in the segments in which a job finds it."""
    key = detections_key(source, content, detector)
    shown, at = source.read(range(frames)), 0
    parts = []
    for start, stop in plan(frames, source.fps, segment_seconds):
        if known := recall(cache, key, start, stop):
            progress(stop - start)
            parts.append(known)
            continue
        if at != start:
            shown = source.read(range(start, frames))
        parts.append(_search(islice(shown, stop - start), source, detector, progress, _wanted))
        _keep(cache, key, start, stop, parts[-1])
        at = stop
    return Seen.joined(parts)


def _search(
    frames: Iterator[np.ndarray],
    source: Source,
    detector: Detector,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Seen:
    """What is in frames of the source that follow each other."""
    faces: list[list[Detection]] = []
    signatures: list[np.ndarray] = []
    width, height = source.size
    size = max(2, min(detector.batch_size, SEARCH_BYTES // (3 * width * height)))
    with (
        closing(ahead(overlapping(frames, size))) as batches,
        closing(_detected(detector, batches)) as detected,
    ):
        for shown, found in detected:
            if cancelled():
                raise Cancelled
            new = slice(1 if faces else 0, None)
            faces.extend(found[new])
            signatures.extend(shown[new])
            progress(len(shown[new]))
    return Seen(faces, np.array(signatures, np.uint8).reshape(-1, shots.SIDE, shots.SIDE))


def _keep(cache: DetectionCache, key: str, start: int, stop: int, seen: Seen) -> None:
    cache.put(key, start, stop, seen.faces)
    cache.put_signatures(key, start, stop, seen.signatures)


def _detected(
    detector: Detector, batches: Iterator[list[np.ndarray]]
) -> Generator[tuple[Sequence[np.ndarray], list[list[Detection]]], None, None]:
    """The signatures of each batch's frames and the faces in them.

    The next batch is searched while faces are followed through this one.
    """
    if isinstance(detector, Strided):
        with closing(ahead(detector.search(batch) for batch in batches)) as coming:
            for searched in coming:
                yield list(searched.signatures), detector.follow(searched)
    else:
        for batch in batches:
            yield [shots.signature(frame) for frame in batch], detector.detect(batch)


def recall(cache: DetectionCache, key: str, start: int, stop: int) -> Seen | None:
    """What is kept of the frames start..stop, None unless all of it is."""
    faces = cache.get(key, start, stop)
    signatures = cache.get_signatures(key, start, stop)
    return None if faces is None or signatures is None else Seen(faces, signatures)


def link_persons(
    source: Source,
    seen: Seen,
    progress: Progress = _silent,
    cancelled: Callable[[], bool] = _wanted,
    cache: DetectionCache | None = None,
    content: str = "",
) -> list[Person]:
    """The persons in the frames from 0 on, of which `seen` is known, numbered from 1.

    With a given box it is the only person. Faces of a video are looked at again, few of them and
    in one pass, to know them by; with a `cache` only once for each `content`, the sha256 of the
    source's bytes. Raises `Cancelled` and NamedError: no-face-found, face-too-small,
    bad-option for a box outside the picture.
    """
    if source.options.box is None:
        fps = source.fps
        look = identity_from(lambda indices: watched(source, indices, progress, cancelled))
        if cache is not None:
            key = f"{content} {_transformed(source)} {EMBEDDINGS_VERSION}"
            look = cache.remembering(key, look)
        identity = None if source.is_fixed else look
        persons = link(seen.faces, fps, shots.cuts(seen.signatures, fps), identity)
        require_faces(persons)
        return persons
    x1, y1, x2, y2 = source.options.box
    width, height = source.size
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise NamedError(
            "bad-option",
            f"The box lies outside the picture, which has {width} x {height} pixels.",
            "Give a box inside the picture.",
        )
    boxes = np.array([[x1, y1, x2, y2]], np.float32)
    return [Person(1, np.array([0]), boxes, np.ones(1, np.float32), source.fps)]


def watched(
    source: Source,
    indices: Sequence[int],
    progress: Progress = _silent,
    cancelled: Callable[[], bool] = _wanted,
) -> Iterator[np.ndarray]:
    """The source's frames at `indices`, which rise; progress counts those between as well.

    Raises `Cancelled`.
    """
    done = 0
    for index, frame in zip(indices, source.read(indices), strict=True):
        if cancelled():
            raise Cancelled
        yield frame
        progress(index - done)
        done = index


def render_segment(
    spec: RenderSpec,
    start: int,
    stop: int,
    out_path: Path,
    engine: Engine,
    progress: Progress = _silent,
    cancelled: Callable[[], bool] = _wanted,
    shown: Iterator[Planar] | None = None,
) -> None:
    """Write the result frames start..stop, without sound, to `out_path`.

    The mouths of all who speak are drawn in every frame, at rest in their pauses: the step from a
    drawn mouth to the one that was there would show. A frame in which a speaker is out of sight
    keeps that face as it is. `shown` are the source's frames to be seen in them, if somebody reads
    these already. Raises `Cancelled`.
    """
    if cancelled():
        raise Cancelled
    source = spec.source
    indices = spec.indices(start, stop)
    speakers = spec.speakers
    drives = [driving_audio.drive(spec, speaker, engine, start, stop) for speaker in speakers]
    size = source.options.wav2lip_batch_size or BATCH_FRAMES
    crf = STILL_CRF if source.is_one_frame else VIDEO_CRF

    def write(frames: list[Planar]) -> None:
        frames.reverse()
        while frames:  # one that is written makes room at once
            writer.write(add_badge(frames.pop(), source.options.badge))

    def batches() -> Iterator[tuple[slice, list[Planar]]]:
        at = 0
        for frames in _batches(shown or source.read_planar(indices), size):
            yield slice(at, at + len(frames)), frames
            at += len(frames)

    def draw(batch: tuple[slice, list[Planar]]) -> list[Planar]:
        now, frames = batch
        for speaker, drive in zip(speakers, drives, strict=True):
            frames = _speak(spec, speaker, engine, frames, indices[now], drive[now])
        return frames

    with (
        VideoWriter(out_path, *source.size, spec.fps, crf, colours=source.colours) as writer,
        behind(write) as hand_over,
        threads.halved(engine.device) as (count, begin),
        closing(ahead(batches())) as coming,
    ):
        for frames in beside(draw, coming, count, begin):
            if cancelled():
                raise Cancelled
            done = len(frames)
            hand_over(frames)
            progress(done)


def stitch(
    spec: RenderSpec, segments: Sequence[Path], out_path: Path, certificate: Certificate
) -> None:
    """Join the segments, in order, with the sound of the voices into the finished, signed video."""
    options = spec.source.options
    soundtrack = spec.source.path if options.overlay and spec.source.info.has_audio else None
    with TemporaryDirectory(dir=out_path.parent) as folder:
        sound = Path(folder) / "sound.wav"
        mix(
            [(voice.path, voice.start, voice.gain) for voice in spec.voices],
            soundtrack,
            Fraction(spec.frames) / spec.fps,
            sound,
            options.soundtrack_gain,
        )
        concatenate(segments, sound, out_path, spec.fps, spec.frames, {})
    ingredients = [provenance.Ingredient("source", spec.source.path)] + [
        provenance.Ingredient(f"voice {number}", voice.path)
        for number, voice in enumerate(spec.voices, start=1)
    ]
    provenance.sign(out_path, ingredients, rendering(spec), certificate)


def rendering(spec: RenderSpec) -> dict[str, Any]:
    """How a spec is made, as its video's credentials tell: nothing that names a file or person.

    A checkpoint that is a file of the user's own is not named either.
    """
    checkpoint = spec.source.options.checkpoint
    known = checkpoint in {each.name for each in checkpoints.all()}
    voices = [
        {"person": voice.person, "start": float(voice.start), "gain": voice.gain}
        for voice in spec.voices
    ]
    return {"checkpoint": checkpoint if known else "another", "voices": voices}


def animate(
    spec: RenderSpec,
    out_path: Path,
    engine: Engine,
    segment_seconds: float,
    certificate: Certificate,
    progress: Progress = _silent,
) -> None:
    """All of a spec in one go, in the segments in which a job does it."""
    with TemporaryDirectory(dir=out_path.parent, prefix=".mouth-") as folder:
        segments = []
        # To begin in the middle of a video is to decode it from the last whole picture before that.
        frames = spec.source.read_planar(spec.indices(0, spec.frames))
        for start, stop in plan(spec.frames, spec.fps, segment_seconds):
            segments.append(Path(folder) / f"{start}.mp4")
            shown = islice(frames, stop - start)
            render_segment(spec, start, stop, segments[-1], engine, progress, shown=shown)
        stitch(spec, segments, out_path, certificate)


def _speak(
    spec: RenderSpec,
    speaker: Person,
    engine: Engine,
    frames: list[Planar],
    indices: Sequence[int],
    drive: np.ndarray,
) -> list[Planar]:
    """`frames`, which are the source's at `indices`, with the speaker's mouth moved by `drive`."""
    options = spec.source.options
    boxes = {
        n: box for n, index in enumerate(indices) if (box := spec.box(speaker, index)) is not None
    }
    if not boxes:
        return frames
    rolls = np.array([spec.roll(speaker, indices[n]) for n in boxes])
    pads = engine.pads if options.pads is None else options.pads
    if options.box is not None:
        pads = 0, 0, 0, 0
    places = grown(np.array(list(boxes.values())), rolls, pads)
    windows = {
        n: window
        for n, place in zip(boxes, places, strict=True)
        if (window := frames[n].around(*_looked_at(place))) is not None
    }
    if not windows:
        return frames
    inside = [at for at, n in enumerate(boxes) if n in windows]
    corners = np.array([[*window[:2], *window[:2]] for window in windows.values()])
    # Of a still everybody is given the same array, which engines look at once.
    look = lru_cache(maxsize=None)(Planar.seen)
    seen = [look(frames[n], window) for n, window in windows.items()]
    moved = engine.render(
        seen,
        places[inside] - corners,
        drive[list(windows)],
        options.blend,
        rolls[inside],
        moving=not spec.source.is_one_frame,
    )
    result = list(frames)
    for (n, window), before, after in zip(windows.items(), seen, moved, strict=True):
        result[n] = frames[n].drawn(window, before, after)
    return result


def _looked_at(place: np.ndarray) -> tuple[float, float, float, float]:
    """The box around all that an engine looks at, however the face in `place` is turned."""
    x1, y1, x2, y2 = place.tolist()
    x, y, reach = (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1)
    return x - reach, y - reach, x + reach, y + reach


def _batches(frames: Iterator[Planar], most: int) -> Iterator[list[Planar]]:
    """At most so many frames each, fewer where they are large."""
    if (first := next(frames, None)) is None:
        return
    # A frame that is kept is there twice, as it was and as it is drawn.
    size = BATCH_BYTES // max(2 * first.levels.nbytes, first.nbytes)
    waiting = chain([first], frames)
    while batch := list(islice(waiting, max(1, min(most, size)))):
        yield batch
