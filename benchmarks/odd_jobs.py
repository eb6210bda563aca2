"""Whole jobs of odd files: a face in an odd picture or video and an odd voice, rendered."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import astronaut

from benchmarks.material import FACE
from benchmarks.odd_charts import odd_path
from benchmarks.odd_kind import Kind, OddInput, require
from benchmarks.odd_sounds import RATE, correlation, excerpt
from benchmarks.odd_sounds import write as write_sound
from benchmarks.odd_videos import Film, Format
from benchmarks.odd_videos import write as write_film
from face_detection.cache import DetectionCache
from media.certificate import local_certificate
from media.probe import probe
from media.sound import check_voice, read_sound
from media.timeline import result_frames
from media.video import read_frames
from rendering.animate import animate
from rendering.detect import SegmentDetections, detect_segment
from rendering.link import link_persons
from rendering.models import detector_for, engine_for
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack

_PICTURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("PNG", "png", {}),
    ("JPEG", "jpg", {"quality": 95}),
    ("WEBP", "webp", {"quality": 95}),
    ("HEIF", "heic", {"quality": 95}),
    ("AVIF", "avif", {"quality": 90, "speed": 9}),
)
_FILMS = (
    Format("mp4", "libx264", "yuv420p", {"crf": "8", "preset": "veryfast"}, tagged=True, step=2),
    Format("mov", "prores_ks", "yuv422p10le", tagged=True, step=2),
    Format("mkv", "ffv1", "yuv444p", tagged=True),
    Format("webm", "libvpx-vp9", "yuv420p", {"crf": "10", "b": "8M", "deadline": "realtime"}),
    Format(
        "mp4", "libx265", "yuv420p", {"x265-params": "log-level=none:crf=8"}, tagged=True, step=2
    ),
)  # fmt: skip
_RATES = tuple(Fraction(*rate) for rate in ((12, 1), (24000, 1001), (25, 1), (30, 1), (60, 1)))
_VOICES = (("wav", "pcm_s16le"), ("m4a", "aac"), ("mp3", "libmp3lame"), ("opus", "libopus"))
# Outside the face a result differs from its source by so much on the mean, in levels; its loudness
# correlates so with that of the voice.
_MOST_DIFFERENCE, _LEAST_CORRELATION = 3.0, 0.95


@dataclass(frozen=True)
class Asked:
    """A voice, its samples at 16 kHz, and where the face is in every frame (x1, y1, x2, y2)."""

    voice: Path
    samples: np.ndarray
    face: tuple[float, float, float, float]


def _portrait(rng: np.random.Generator, step: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """A photograph cut and scaled by chance, sides multiples of `step`, and its face."""
    left, top = int(rng.integers(0, 140)), int(rng.integers(0, 40))
    right, bottom = 512 - int(rng.integers(0, 200)), 512 - int(rng.integers(0, 250))
    scale = rng.uniform(0.5, 1.4)
    width = round((right - left) * scale) // step * step
    height = round((bottom - top) * scale) // step * step
    picture = Image.fromarray(astronaut()).resize((width, height), box=(left, top, right, bottom))
    across, down = width / (right - left), height / (bottom - top)
    x1, y1, x2, y2 = FACE
    face = ((x1 - left) * across, (y1 - top) * down, (x2 - left) * across, (y2 - top) * down)
    return np.array(picture), face


def _asked(rng: np.random.Generator, folder: Path, face: tuple[float, ...]) -> Asked:
    ending, codec = _VOICES[int(rng.integers(len(_VOICES)))]
    said = excerpt(rng)[: round(rng.uniform(0.8, 2) * RATE)]
    rate = int(rng.choice((16000, 24000, 48000)))
    made = write_sound(folder / f"voice.{ending}", said[None], codec, rate)
    x1, y1, x2, y2 = face
    return Asked(made.rename(odd_path(rng, folder, f"voice.{ending}")), said, (x1, y1, x2, y2))


def _of_a_picture(rng: np.random.Generator, folder: Path) -> OddInput[Asked]:
    format, ending, options = _PICTURES[int(rng.integers(len(_PICTURES)))]
    picture, face = _portrait(rng, 1)
    path = odd_path(rng, folder, ending)
    Image.fromarray(picture).save(path, format=format, **options)
    asked = _asked(rng, folder, face)
    return OddInput(path, f"{format} {picture.shape[:2]}, {asked.voice.name!r}", asked)


def _of_a_film(rng: np.random.Generator, folder: Path) -> OddInput[Asked]:
    format: Format = _FILMS[int(rng.integers(len(_FILMS)))]
    rate: Fraction = _RATES[int(rng.integers(len(_RATES)))]
    picture, face = _portrait(rng, format.step)
    count = int(rng.integers(2, 20))
    film = Film([picture] * count, [number / rate for number in range(count + 1)])
    made = write_film(folder / f"made.{format.ending}", film, format, rate)
    path = made.rename(odd_path(rng, folder, format.ending))
    asked = _asked(rng, folder, face)
    said = f"{format.codec} {picture.shape[:2]}, {rate}/s x {count}, {asked.voice.name!r}"
    return OddInput(path, said, asked)


def _check_picture(made: OddInput[Asked]) -> None:
    source = Source(made.path, probe(made.path), Options(badge="none"))
    cache = DetectionCache(str(made.path.with_name("detections")))
    detector = detector_for(source, "centerface")
    _check(made, source, detect_segment(source, 0, 1, detector, cache))


def _check_film(made: OddInput[Asked]) -> None:
    """The box is given: detection has benchmarks of its own, and takes most of the time."""
    source = Source(made.path, probe(made.path), Options(badge="none", box=made.truth.face))
    _check(made, source, SegmentDetections.joined([]))


def _check(made: OddInput[Asked], source: Source, found: SegmentDetections) -> None:
    """As long as the voice, as large as the source, whose picture it is but for a moving mouth; and
    the sound is the voice.
    """
    length = check_voice(made.truth.voice)
    voices = (VoiceTrack(made.truth.voice, 1, length),)
    spec = RenderSpec(source, voices, tuple(link_persons(source, found)))
    out = made.path.with_name("result.mp4")
    animate(spec, out, engine_for(source), 1.0, local_certificate(made.path.with_name("keys")))
    info, (width, height) = probe(out), source.size
    size = (width + width % 2, height + height % 2)
    require((info.width, info.height) == size, f"the result is {info.width}x{info.height}")
    wanted = result_frames(length, source.fps)
    require(info.frames == wanted, f"{info.frames} frames, not {wanted}")
    require(info.fps == source.fps, f"{info.fps} frames a second, not {source.fps}")
    _require_same_but_for_the_face(made.truth, spec, out)
    similar = correlation(read_sound(out, RATE), made.truth.samples, 0.1)
    require(similar >= _LEAST_CORRELATION, f"the loudness correlates only {similar:.3f}")


def _require_same_but_for_the_face(asked: Asked, spec: RenderSpec, out: Path) -> None:
    x1, y1, x2, y2 = (round(side) for side in asked.face)
    margin = round(0.6 * (x2 - x1))
    width, height = spec.source.size
    outside = np.ones((height, width), bool)
    outside[max(0, y1 - margin) : y2 + margin, max(0, x1 - margin) : x2 + margin] = False
    given = spec.source.read(spec.indices(0, spec.frames))
    moved = 0.0
    for number, (frame, shown) in enumerate(zip(given, read_frames(out), strict=True)):
        difference = np.abs(shown[:height, :width].astype(float) - frame)
        most = float(difference[outside].mean()) if outside.any() else 0.0
        require(most <= _MOST_DIFFERENCE, f"frame {number} is off by {most:.1f} beside the face")
        moved = max(moved, float(difference[~outside].max()))
    require(moved > 10, "the mouth did not move")


KINDS: tuple[Kind[Any], ...] = (
    Kind("job-picture", _of_a_picture, _check_picture),
    Kind("job-video", _of_a_film, _check_film),
)
