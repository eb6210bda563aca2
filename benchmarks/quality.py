"""What the speed costs in quality: the difference of fast methods to exact ones."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks import material, networks
from benchmarks.measure import Row
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection, iou
from face_detection.stride import LONG_STRIDE, STRIDE, Strided, overlapping
from media.video import VideoWriter, read_frames, read_planar_at, stored_colours
from wav2lip import inference


def rows(folder: Path, seconds: float, _long: float) -> Iterator[Row]:
    frames = round(seconds * material.FPS)
    plain = networks.generator()
    exact = inference.fastest(plain, "cpu", "fp32")
    for kind in ("half", "auto"):
        fast = inference.fastest(plain, "cpu", kind)
        mean, largest = inference.error(fast, exact)
        name = str(fast.dtype).removeprefix("torch.")
        note = f"mean {mean:.2f}, most {largest:.2f} levels of 255"
        yield Row(f"generator {name} ({kind}) against fp32", note=note)
    moving = list(material.film_frames(640, 480, frames))
    every = CenterFaceDetector().detect(moving)
    for stride in (STRIDE, LONG_STRIDE):
        errors = stride_errors(moving, every, stride)
        mean, high = 100 * errors.mean(), 100 * np.percentile(errors, 95)
        note = f"mean {mean:.2f} %, 95th percentile {high:.2f} % of the face's width"
        yield Row(f"boxes at a stride of {stride} against every frame", note=note)
    film = material.film(folder / "source.mp4", 1280, 720, min(frames, 50))
    decibels, megabits = background(film, folder / "again.mp4")
    note = f"{decibels:.1f} dB at {megabits:.1f} Mbit/s"
    yield Row("background of a 1280x720 result", note=note)


def stride_errors(
    frames: list[np.ndarray], every: list[list[Detection]], stride: int
) -> np.ndarray:
    """For each face, the mean distance of its box's sides to those detected in that very frame.

    In widths of the face, (n,); `every` are detections in every frame.
    """
    strided = Strided(CenterFaceDetector(), stride)
    quick: list[list[Detection]] = []
    for batch in overlapping(frames, strided.batch_size):
        quick += strided.detect(batch)[1 if quick else 0 :]
    errors = []
    for exact, found in zip(every, quick, strict=True):
        for face in exact:
            near = [each.box for each in found if iou(each.box, face.box) > 0.5]
            errors += [np.abs(np.subtract(face.box, b)).mean() / (b[2] - b[0]) for b in near]
    return np.array(errors)


def background(film: Path, out: Path) -> tuple[float, float]:
    """PSNR in dB of a video that is read and written unchanged, and its bit rate in Mbit/s."""
    frames = list(read_frames(film))
    height, width = frames[0].shape[:2]
    colours = stored_colours(film)
    with VideoWriter(out, width, height, material.FPS, colours=colours) as writer:
        for frame in read_planar_at(film, range(len(frames)), material.FPS, colours):
            writer.write(frame)
    written = islice(read_frames(out), len(frames))
    errors = [
        ((a.astype(np.float32) - b) ** 2).mean() for a, b in zip(frames, written, strict=True)
    ]
    decibels = float(np.mean([10 * np.log10(255**2 / error) for error in errors]))
    return decibels, out.stat().st_size * 8 / (len(frames) / float(material.FPS)) / 1e6
