"""The stages of a job, each by itself, compared with a plain implementation of the same."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks import material, networks
from benchmarks.measure import Row, count_gflop, measure_call, peak_gflops
from face_detection.centerface import CenterFaceDetector
from face_detection.s3fd import S3fdDetector
from face_detection.stride import Strided
from media.sound import read_sound
from media.video import VideoWriter, read_frames, read_planar_at, stored_colours
from wav2lip.audio import mel_spectrogram
from wav2lip.engine import PRECISIONS, Precision
from wav2lip.inference import best_device, fastest

BATCH = 16


def rows(folder: Path, seconds: float, _long: float) -> Iterator[Row]:
    yield from _generator()
    yield from _search(folder)
    yield from _stride()
    yield from _video(folder, seconds)
    yield _mel(folder)


def compared(
    work: str,
    ours: Callable[[], object],
    plain: Callable[[], object] | None,
    frames: int,
    arithmetic: float | None = None,
    dtype: torch.dtype = torch.float32,
    times: int = 3,
    device: str = "cpu",
) -> Row:
    """The row of a stage: `ours` and `plain` are called in this process, after a first call each.

    `frames` is what a call processes, `arithmetic` the GFLOP of a call; its rate is by processor
    time on a CPU, by the clock elsewhere.
    """
    ours()
    mine = measure_call(ours, times)
    theirs = None
    if plain is not None:
        plain()
        theirs = measure_call(plain, max(1, times - 1))
    gflops = arithmetic and arithmetic / (mine.cpu if device == "cpu" else mine.seconds)
    return Row(
        work,
        mine.seconds,
        mine.cpu,
        frames / mine.seconds,
        gflops,
        gflops / peak_gflops(dtype, device) if gflops and dtype.is_floating_point else None,
        mine.memory,
        theirs and theirs.seconds / mine.seconds,
        theirs and theirs.cpu / mine.cpu,
    )


@torch.inference_mode()
def _generator() -> Iterator[Row]:
    plain = networks.generator()
    mel, faces = torch.rand(BATCH, 1, 80, 16) * 4, torch.rand(BATCH, 6, 96, 96)
    known = plain.encode(faces)
    arithmetic = {
        "whole faces": count_gflop(lambda: plain(mel, faces)),
        "the part that shows": count_gflop(lambda: plain.draw(mel, plain.encode(faces), True)),
        "... of a still": count_gflop(lambda: plain.draw(mel, known, True)),
    }
    for device, precision in _devices_and_precisions():
        fast = fastest(plain, device, precision)
        kind = str(fast.dtype).removeprefix("torch.") + ("" if device == "cpu" else f", {device}")
        still = [each[[0] * BATCH] for each in fast.encode(faces[:1])]
        works: list[Callable[[], object]] = [
            lambda fast=fast: fast.draw(mel, fast.encode(faces)).cpu(),
            lambda fast=fast: fast.draw(mel, fast.encode(faces), True).cpu(),
            lambda fast=fast, still=still: fast.draw(mel, still, True).cpu(),
        ]
        for name, work in zip(arithmetic, works, strict=True):
            yield compared(
                f"generator {kind}, {name}",
                work,
                lambda: plain(mel, faces),
                BATCH,
                arithmetic[name],
                fast.dtype,
                device=device,
            )


def _devices_and_precisions() -> list[tuple[str, Precision]]:
    """The devices and precisions that are available here."""
    extra = find_spec("openvino") is not None
    ways = [("cpu", each) for each in PRECISIONS if each != "auto" and (each != "int8" or extra)]
    device = best_device()
    return ways if device == "cpu" else [*ways, (device, "auto")]


@torch.inference_mode()
def _search(folder: Path) -> Iterator[Row]:
    weights = networks.s3fd_weights(folder)
    ours = S3fdDetector(weights, device="cpu", max_pixels=1280 * 720)
    plain = networks.plain_s3fd(weights)
    for width, height in ((640, 480), (1280, 720)):
        (frame,) = material.film_frames(width, height, 1)
        batch = torch.from_numpy(frame).permute(2, 0, 1)[None]
        detect = partial(plain.detect_from_batch, batch)
        yield compared(
            f"S3FD {width}x{height}, a frame",
            partial(ours.detect, [frame]),
            detect,
            1,
            count_gflop(detect),
            torch.bfloat16,
            times=2,
        )


def _stride() -> Iterator[Row]:
    frames = list(material.film_frames(640, 480, 25))
    every, few = CenterFaceDetector(), Strided(CenterFaceDetector())
    yield compared(
        "CenterFace 640x480, at a stride",
        lambda: few.detect(frames),
        lambda: every.detect(frames),
        len(frames),
        times=1,
    )


def _video(folder: Path, seconds: float) -> Iterator[Row]:
    count = min(round(seconds * material.FPS), 100)
    film = material.film(folder / "720.mp4", 1280, 720, count)
    yield compared("read 1280x720", lambda: list(read_frames(film)), None, count, times=2)
    colours = stored_colours(film)
    frames = list(read_planar_at(film, range(count), material.FPS, colours))

    def write() -> None:
        target = folder / "written.mp4"
        with VideoWriter(target, 1280, 720, material.FPS, colours=colours) as writer:
            for frame in frames:
                writer.write(frame)

    yield compared("write 1280x720", write, None, count, times=2)


def _mel(folder: Path) -> Row:
    sound = read_sound(material.voice(folder / "ten.wav", 10), 16_000)
    return compared("mel of 10 s", lambda: mel_spectrogram(sound), None, 250)
