"""Rendering of a segment: the frames of the source with the speakers' mouths moved, as an MP4."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from face_detection.persons import Person
from media.badge import add_badge
from media.encoding import MP4, Encoding, Quality
from media.planar import Planar
from media.video_writer import STILL_CRF, VIDEO_CRF, VideoWriter
from rendering import driving_audio, threads
from rendering.placement import place_faces
from rendering.prefetch import parallel_map, prefetch, writer_thread
from rendering.progress import SILENT, Progress
from rendering.source_mouths import SourceMouths
from rendering.spec import RenderSpec
from wav2lip.engine import Engine, Style

# Frames that are rendered together; between two batches a cancelled job is let go. While two
# batches are worked on, the next is read and the last one written: all four are in memory.
BATCH_FRAMES = 16
BATCH_BYTES = 32 * 1024**2


@dataclass(frozen=True, eq=False)
class _Batch:
    """Consecutive `frames` of the result from number `first` on; `start` to `stop` are rendered."""

    first: int
    frames: list[Planar]
    start: int
    stop: int


def frames_needed(spec: RenderSpec, start: int, stop: int, engine: Engine) -> tuple[int, int]:
    """The result frames, first to last (exclusive), that have to be read to render start..stop."""
    reach = _reach(spec, engine)
    return max(start - reach, 0), min(stop + reach, spec.frames)


def render_segment(
    spec: RenderSpec,
    start: int,
    stop: int,
    out_path: Path,
    engine: Engine,
    progress: Progress = SILENT,
    source_frames: Iterator[Planar] | None = None,
    encoding: Encoding = MP4,
    quality: Quality = "standard",
) -> None:
    """Write the result frames start..stop, without sound, to `out_path`.

    The mouths of all who speak are drawn in every frame, at rest in their pauses: the step from a
    drawn mouth to the one that was there would show. A frame in which a speaker cannot be drawn
    keeps that face as it is. `source_frames` are the source's frames that are shown in those of
    `frames_needed`, for a caller that reads the source on; otherwise they are read here. Raises
    `Cancelled`.
    """
    progress.check()
    source, speakers = spec.source, spec.speakers
    first, last = frames_needed(spec, start, stop, engine)
    drives = [driving_audio.drive(spec, speaker, engine, start, stop) for speaker in speakers]
    mouths = SourceMouths(spec, engine)
    crf = STILL_CRF if source.is_one_frame else VIDEO_CRF

    def render(batch: _Batch) -> list[Planar]:
        rendered = batch.frames[batch.start - batch.first : batch.stop - batch.first]
        for speaker, drive in zip(speakers, drives, strict=True):
            shapes = drive[batch.start - start : batch.stop - start]
            rendered = _animate_speaker(spec, speaker, engine, batch, rendered, shapes, mouths)
        return rendered

    def write(frames: list[Planar]) -> None:
        frames.reverse()
        while frames:  # one that is written makes room at once
            writer.write(add_badge(frames.pop(), source.options.badge))

    batches = _batches(
        source_frames or source.read_planar(spec.indices(first, last)),
        source.options.wav2lip_batch_size or BATCH_FRAMES,
        (start, stop),
        (first, last),
        _reach(spec, engine),
    )
    with (
        VideoWriter(
            out_path,
            *source.size,
            spec.fps,
            crf,
            colours=source.colours,
            encoding=encoding,
            quality=quality,
        ) as writer,
        writer_thread(write) as submit,
        threads.split_cores(engine.device) as (count, initializer),
        closing(prefetch(batches)) as read,
        closing(parallel_map(render, read, count, initializer)) as rendered,
    ):
        for frames in progress.checked(rendered):
            done = len(frames)  # the writer empties the list
            submit(frames)
            progress.advance(done)


def _reach(spec: RenderSpec, engine: Engine) -> int:
    """How many frames around one decide with it how its mouths are drawn: none in a still."""
    finder = engine.mouth_finder
    return 0 if finder is None or spec.source.is_one_frame else finder.reach


def _animate_speaker(
    spec: RenderSpec,
    speaker: Person,
    engine: Engine,
    batch: _Batch,
    frames: list[Planar],
    drive: np.ndarray,
    mouths: SourceMouths,
) -> list[Planar]:
    """`frames`, those of the batch that are rendered, with the speaker's mouth moved by `drive`."""
    indices = spec.indices(batch.first, batch.first + len(batch.frames))
    before, count = batch.start - batch.first, len(frames)
    around = place_faces(spec, speaker, engine, batch.frames, indices)
    faces = [face for face in around if before <= face.frame < before + count]
    if not faces:
        return frames
    # The frames of a still are one object: their crop is one array, which engines encode once.
    crop = lru_cache(maxsize=None)(Planar.seen)
    found: list[Any] = [None] * len(batch.frames)
    for face in around:
        seen = partial(crop, batch.frames[face.frame], face.window)
        found[face.frame] = mouths.find(speaker, indices[face.frame], face, seen)
    if engine.mouth_finder and not spec.source.is_one_frame:
        found = engine.mouth_finder.steadied(found)
    options = spec.source.options
    crops = [crop(frames[face.frame - before], face.window) for face in faces]
    moved = engine.render(
        crops,
        np.array([face.box_in_window for face in faces]),
        drive[[face.frame - before for face in faces]],
        options.blend,
        np.array([face.roll for face in faces]),
        moving=not spec.source.is_one_frame,
        mouths=[found[face.frame] for face in faces],
        style=Style(options.smile, options.strength),
    )
    result = list(frames)
    for face, was, after in zip(faces, crops, moved, strict=True):
        at = face.frame - before
        result[at] = frames[at].drawn(face.window, was, after)
    return result


def _batches(
    frames: Iterator[Planar], most: int, inner: tuple[int, int], outer: tuple[int, int], reach: int
) -> Iterator[_Batch]:
    """The result frames `inner` in batches of at most `most`, fewer where they are large.

    `frames` are the source's for those of `outer`; each batch has `reach` more on either side.
    """
    (start, stop), (first, last) = inner, outer
    kept = list(islice(frames, 1))
    if not kept:
        return
    # A frame that is kept is there twice, as it was and as it is drawn.
    size = max(1, min(most, BATCH_BYTES // max(2 * kept[0].levels.nbytes, kept[0].nbytes)))
    while start < stop:
        end = min(start + size, stop)
        kept += islice(frames, min(end + reach, last) - first - len(kept))
        yield _Batch(first, list(kept), start, end)
        start = end
        gone = max(start - reach - first, 0)
        del kept[:gone]
        first += gone
