"""Footage made on the spot: a photograph whose chin moves with a buzz, pauses in between."""

from __future__ import annotations

import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from dataset.footage import write_clip
from media.mixing import RATE
from media.pictures import write_picture

SIDE = 192
FPS = Fraction(25)

torch.set_num_threads(1)

# Seconds of speech, seconds of the pause after it.
Spans = Sequence[tuple[float, float]]


@pytest.fixture(scope="session")
def write_footage() -> Callable[..., Path]:
    """Write a video of somebody who speaks and pauses; see `_write_footage`."""
    return _write_footage


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut on a photograph that is no frame of any footage."""
    path = tmp_path_factory.mktemp("photographs") / "astronaut.jpg"
    write_picture(path, np.ascontiguousarray(data.astronaut()[:300, 60:400]))
    return path


@pytest.fixture(scope="session")
def syllables() -> Callable[[int, int], np.ndarray]:
    """How far the mouth is open in n frames, 0..1: syllables of uneven length, by a seed."""
    return _syllables


def _write_footage(
    path: Path,
    spans: Spans,
    fps: Fraction = FPS,
    seed: int = 0,
    late: int = 0,
    picture: Callable[[int, float], np.ndarray] | None = None,
    beside: np.ndarray | None = None,
) -> Path:
    """Frames from `picture(number, opening)`, and a buzz as loud as the mouth is open.

    The sound comes `late` frames after the picture; `beside` stands to the right of it.
    """
    spoken = np.concatenate(
        [np.repeat((1.0, 0.0), (round(talk * fps), round(rest * fps))) for talk, rest in spans]
    )
    opening = _syllables(len(spoken), seed) * spoken
    draw = picture or _astronaut
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = path.with_suffix(".tmp.wav")
    loud = np.where(spoken > 0, 0.1 + 0.9 * opening, 0)
    _write_buzz(sound, np.concatenate([np.zeros(late), loud])[: len(loud)], fps)
    frames = (draw(n, float(o)) for n, o in enumerate(opening))
    if beside is not None:
        frames = (np.concatenate([frame, beside], axis=1) for frame in frames)
    write_clip(path, frames, fps, sound)
    sound.unlink()
    return path


def _syllables(frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out: list[float] = []
    while len(out) < frames:
        length = int(rng.integers(4, 9))
        out += (rng.uniform(0.4, 1) * np.sin(np.pi * np.arange(length) / length)).tolist()
    return np.array(out[:frames])


def _astronaut(number: int, opening: float) -> np.ndarray:
    """The face, swaying, with everything below the lips lowered as far as the mouth opens."""
    face = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    rows, columns = np.arange(256, dtype=np.float32), np.arange(256, dtype=np.float32)
    stretched = np.interp(rows, (144, 160, 200, 240), (0, 1, 1, 0)).astype(np.float32)
    maps = np.meshgrid(columns + 4 * np.sin(number / 10), rows - 10 * opening * stretched)
    moved = cv2.remap(
        face,
        maps[0].astype(np.float32),
        maps[1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return cv2.resize(moved, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _write_buzz(path: Path, loudness: np.ndarray, fps: Fraction) -> None:
    time = np.arange(round(len(loudness) / fps * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    level = np.interp(time * float(fps), np.arange(len(loudness)) + 0.5, loudness)
    level *= loudness[np.minimum((time * float(fps)).astype(int), len(loudness) - 1)] > 0
    samples = (9000 * level * buzz / np.abs(buzz).max()).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
