"""Rendering of a segment: the frames of the source with the speakers' mouths moved, as an MP4."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

import numpy as np

from face_detection.persons import Person
from media.badge import add_badge
from media.planar import Planar
from media.video_writer import STILL_CRF, VIDEO_CRF, VideoWriter
from rendering import driving_audio, landmarks, threads
from rendering.placement import place_faces
from rendering.prefetch import parallel_map, prefetch, writer_thread
from rendering.progress import SILENT, Progress
from rendering.spec import RenderSpec
from wav2lip.engine import Engine, Style

# Frames that are rendered together; between two batches a cancelled job is let go. While two
# batches are worked on, the next is read and the last one written: all four are in memory.
BATCH_FRAMES = 16
BATCH_BYTES = 32 * 1024**2


def render_segment(
    spec: RenderSpec,
    start: int,
    stop: int,
    out_path: Path,
    engine: Engine,
    progress: Progress = SILENT,
    source_frames: Iterator[Planar] | None = None,
) -> None:
    """Write the result frames start..stop, without sound, to `out_path`.

    The mouths of all who speak are drawn in every frame, at rest in their pauses: the step from a
    drawn mouth to the one that was there would show. A frame in which a speaker is out of sight
    keeps that face as it is. `source_frames` are the source's frames that are shown, for a caller
    that reads the source on; otherwise they are read here. Raises `Cancelled`.
    """
    progress.check()
    source, speakers = spec.source, spec.speakers
    indices = spec.indices(start, stop)
    drives = [driving_audio.drive(spec, speaker, engine, start, stop) for speaker in speakers]
    crf = STILL_CRF if source.is_one_frame else VIDEO_CRF

    def render(batch: tuple[slice, list[Planar]]) -> list[Planar]:
        part, frames = batch
        for speaker, drive in zip(speakers, drives, strict=True):
            frames = _animate_speaker(spec, speaker, engine, frames, indices[part], drive[part])
        return frames

    def write(frames: list[Planar]) -> None:
        frames.reverse()
        while frames:  # one that is written makes room at once
            writer.write(add_badge(frames.pop(), source.options.badge))

    batches = _batches(
        source_frames or source.read_planar(indices),
        source.options.wav2lip_batch_size or BATCH_FRAMES,
    )
    with (
        VideoWriter(out_path, *source.size, spec.fps, crf, colours=source.colours) as writer,
        writer_thread(write) as submit,
        threads.split_cores(engine.device) as (count, initializer),
        closing(prefetch(batches)) as read,
        closing(parallel_map(render, read, count, initializer)) as rendered,
    ):
        for frames in progress.checked(rendered):
            done = len(frames)  # the writer empties the list
            submit(frames)
            progress.advance(done)


def _animate_speaker(
    spec: RenderSpec,
    speaker: Person,
    engine: Engine,
    frames: list[Planar],
    indices: Sequence[int],
    drive: np.ndarray,
) -> list[Planar]:
    """`frames`, which are the source's at `indices`, with the speaker's mouth moved by `drive`."""
    faces = place_faces(spec, speaker, engine, frames, indices)
    if not faces:
        return frames
    # The frames of a still are one object: their crop is one array, which engines encode once.
    crop = lru_cache(maxsize=None)(Planar.seen)
    crops = [crop(frames[face.frame], face.window) for face in faces]
    options = spec.source.options
    boxes = np.array([face.box_in_window for face in faces])
    rolls = np.array([face.roll for face in faces])
    fitted = options.box is None and options.pads is None
    points = landmarks.of_faces(crops, boxes, rolls, fitted) if engine.uses_landmarks else None
    moved = engine.render(
        crops,
        boxes,
        drive[[face.frame for face in faces]],
        options.blend,
        rolls,
        moving=not spec.source.is_one_frame,
        landmarks=points,
        style=Style(options.smile, options.strength),
    )
    result = list(frames)
    for face, before, after in zip(faces, crops, moved, strict=True):
        result[face.frame] = frames[face.frame].drawn(face.window, before, after)
    return result


def _batches(frames: Iterator[Planar], most: int) -> Iterator[tuple[slice, list[Planar]]]:
    """`frames` in batches of at most `most`, fewer where they are large, each with its place."""
    if (first := next(frames, None)) is None:
        return
    # A frame that is kept is there twice, as it was and as it is drawn.
    size = max(1, min(most, BATCH_BYTES // max(2 * first.levels.nbytes, first.nbytes)))
    waiting, position = chain([first], frames), 0
    while batch := list(islice(waiting, size)):
        yield slice(position, position + len(batch)), batch
        position += len(batch)
