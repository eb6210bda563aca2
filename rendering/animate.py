"""A whole spec in one process, in the same segments as a job's."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from media.certificate import Certificate
from media.encoding import Quality, encoding_of
from media.planar import Planar
from rendering.progress import SILENT, Progress
from rendering.render import frames_needed, render_segment
from rendering.spec import RenderSpec, plan
from rendering.stitch import stitch
from wav2lip.engine import Engine


def animate(
    spec: RenderSpec,
    out_path: Path,
    engine: Engine,
    segment_seconds: float,
    certificate: Certificate,
    progress: Progress = SILENT,
    quality: Quality = "standard",
) -> None:
    """Write the finished video of a spec to `out_path`, an MP4 bit for bit as a job makes it.

    Its ending says what it becomes. Raises `Cancelled`, MediaError, as `encoding_of` as well.
    """
    encoding = encoding_of(out_path, quality)
    with TemporaryDirectory(dir=out_path.parent, prefix=".mouth-") as folder:
        segments = []
        # To begin in the middle of a video is to decode it from the last whole picture before that.
        frames = spec.source.read_planar(spec.indices(0, spec.frames))
        parts = plan(spec.frames, spec.fps, segment_seconds)
        needed = [frames_needed(spec, start, stop, engine) for start, stop in parts]
        for (start, stop), part in zip(parts, overlapping(frames, needed), strict=True):
            segments.append(Path(folder) / f"{start}")
            render_segment(
                spec, start, stop, segments[-1], engine, progress, part, encoding, quality
            )
        stitch(spec, segments, out_path, certificate, encoding)


def overlapping(
    frames: Iterator[Planar], parts: Sequence[tuple[int, int]]
) -> Iterator[Iterator[Planar]]:
    """Of `frames` the parts start..stop, in order, each to be read to its end before the next.

    Every frame is read once, and kept as long as the next part needs it.
    """
    kept: dict[int, Planar] = {}
    next_starts = [*(start for start, _ in parts[1:]), parts[-1][1]]

    def read(start: int, stop: int, next_start: int) -> Iterator[Planar]:
        for number in range(start, stop):
            frame = kept.pop(number) if number in kept else next(frames)
            if number >= next_start:
                kept[number] = frame
            yield frame

    for (start, stop), next_start in zip(parts, next_starts, strict=True):
        yield read(start, stop, next_start)
