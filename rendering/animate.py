"""A whole spec in one process, in the same segments as a job's."""

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from media.certificate import Certificate
from rendering.progress import SILENT, Progress
from rendering.render import render_segment
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
) -> None:
    """Write the finished video of a spec to `out_path`, bit for bit as a job makes it.

    Raises `Cancelled`, MediaError.
    """
    with TemporaryDirectory(dir=out_path.parent, prefix=".mouth-") as folder:
        segments = []
        # To begin in the middle of a video is to decode it from the last whole picture before that.
        frames = spec.source.read_planar(spec.indices(0, spec.frames))
        for start, stop in plan(spec.frames, spec.fps, segment_seconds):
            segments.append(Path(folder) / f"{start}.mp4")
            source_frames = islice(frames, stop - start)
            render_segment(spec, start, stop, segments[-1], engine, progress, source_frames)
        stitch(spec, segments, out_path, certificate)
