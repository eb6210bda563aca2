"""One job in a warm worker, whose networks are loaded already.

    python -m benchmarks.job FACE VOICE OUT [--weights FILE] [--s3fd FILE] [--detected]
                             [--precision HOW]

Prints its cost as JSON. With --detected the detections are in the cache, as in a second job of the
same video.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import material, measure
from commands import local_job
from face_detection.cache import DetectionCache
from face_detection.detection import Box, Detection
from face_detection.detectors import Detector
from face_detection.lazy_frame import LazyFrame
from face_detection.s3fd import S3fdDetector
from face_detection.shots import signature
from face_detection.stride import LONG_STRIDE, SURROUNDINGS, Strided
from jobs import signing
from jobs.settings import Settings
from media.sound import sound_duration
from rendering import models
from rendering.animate import animate
from rendering.detect import detect_frames
from rendering.link import link_persons
from rendering.spec import RenderSpec, Source, VoiceTrack, frames_to_detect
from wav2lip.engine import Engine


class S3fdWithKnownFaces(S3fdDetector):
    """S3FD with weights that find no face: the detections are replaced by the known box.

    `film` is a video of `material`; a crop of a frame has the face in its middle.
    """

    def __init__(self, weights: Path, film: Source) -> None:
        super().__init__(weights)
        self._size = film.size
        frames = enumerate(film.read_planar(range(film.frames)))
        self._boxes = {
            signature(LazyFrame(frame).rgb).tobytes(): material.face_box(at, *film.size)
            for at, frame in frames
        }

    def _find_batch(self, frames: list[np.ndarray], scale: float) -> list[list[Detection]]:
        super()._find_batch(frames, scale)
        return [[Detection(*self._told(frame), 1.0)] for frame in frames]

    def _told(self, frame: np.ndarray) -> Box:
        height, width = frame.shape[:2]
        if (width, height) == self._size:
            return self._boxes[signature(frame).tobytes()]
        dx, dy = width / SURROUNDINGS / 2, height / SURROUNDINGS / 2
        return width / 2 - dx, height / 2 - dy, width / 2 + dx, height / 2 + dy


def detector_for(source: Source, s3fd: Path | None) -> Detector:
    """CenterFace, or, given weights of S3FD, that one for a film of `material`."""
    if s3fd is None:
        return models.detector_for(source, "centerface")
    return Strided(S3fdWithKnownFaces(s3fd, source), LONG_STRIDE)


def run(
    source: Source,
    voice: Path,
    out: Path,
    detector: Detector,
    engine: Engine,
    settings: Settings,
) -> None:
    """Do a job, from the files to the finished video `out`."""
    duration = sound_duration(voice)
    frames = frames_to_detect(source, [duration])
    cache, seconds = DetectionCache(str(settings.var_dir / "faces")), settings.segment_seconds
    found = detect_frames(source, frames, detector, cache, seconds)
    persons = link_persons(source, found, cache=cache)
    spec = RenderSpec(source, (VoiceTrack(voice, persons[0].id, duration),), tuple(persons))
    certificate = signing.certificate(settings)
    animate(spec, out, engine, seconds, certificate)


@contextmanager
def first_batch_noted(engine: Engine) -> Iterator[list[float]]:
    """The processor times (seconds of this process) at which the engine was asked to render."""
    moments: list[float] = []
    render = engine.render

    def noting(*given: Any, **options: Any) -> list[np.ndarray]:
        moments.append(time.process_time())
        return render(*given, **options)

    engine.render = noting  # type: ignore[method-assign]
    yield moments
    engine.render = render  # type: ignore[method-assign]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("face", type=Path)
    options.add_argument("voice", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--weights", type=Path, help="of the generator; else what ships")
    options.add_argument("--s3fd", type=Path, help="weights of the detector; else CenterFace")
    options.add_argument("--detected", action="store_true")
    options.add_argument("--precision", default="auto", help="as of `mouth animate`")
    chosen = options.parse_args()
    with TemporaryDirectory() as folder:
        settings = Settings(var_dir=Path(folder))
        named = {"checkpoint": str(chosen.weights)} if chosen.weights else {}
        source = local_job.open_source(chosen.face, named, settings)
        engine = models.engine_for(source, chosen.precision)
        detector = detector_for(source, chosen.s3fd)
        # Another job before this one, with another face and voice.
        short = material.voice(settings.var_dir / "short.wav", 1.0)
        other = material.still(settings.var_dir / "other.png")
        still = local_job.open_source(other, named, settings)
        run(still, short, chosen.out, detector_for(still, None), engine, settings)
        detector.detect([next(iter(source.read([0])))])
        if chosen.detected:
            run(source, short, chosen.out, detector, engine, settings)
            run(source, chosen.voice, chosen.out, detector, engine, settings)
        with first_batch_noted(engine) as moments:
            began = time.process_time()
            cost = measure.measure_call(
                lambda: run(source, chosen.voice, chosen.out, detector, engine, settings)
            )
    print(json.dumps({**asdict(cost), "before_first_batch": moments[0] - began}))


if __name__ == "__main__":
    main()
