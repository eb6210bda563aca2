"""The input of the benchmarks, generated: a photograph of a person that moves, and a voice."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from skimage.data import astronaut, rocket

from media.assemble import concatenate
from media.pictures import write_picture
from media.sample import VOICE as SAMPLE_VOICE
from media.sound import read_sound
from media.video import VideoWriter

FPS = Fraction(25)
FACE = (180.0, 76.0, 272.0, 187.0)  # the box in the photograph
RATE = 16_000


def still(path: Path) -> Path:
    """Write the photograph, 512x512."""
    write_picture(path, astronaut())
    return path


def film(path: Path, width: int, height: int, frames: int) -> Path:
    """Write a video of the photograph, which fills its height, as from a hand-held camera."""
    with VideoWriter(path, width, height, FPS) as writer:
        for frame in film_frames(width, height, frames):
            writer.write(frame)
    return path


def repeated(short: Path, path: Path, frames: int, times: int) -> Path:
    """Write a `film` of `frames` frames repeated `times` times, without encoding it again."""
    concatenate([short] * times, None, path, FPS, frames * times)
    return path


def film_frames(width: int, height: int, frames: int) -> Iterator[np.ndarray]:
    """The frames of `film`, RGB uint8 (height, width, 3)."""
    behind = cv2.resize(rocket(), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 2, (8, height, width, 1)).astype(np.float32)
    for at in range(frames):
        picture = cv2.warpAffine(
            astronaut(),
            _motion(at, width, height),
            (width, height),
            dst=behind.copy(),
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        # The noise of a camera, without which a video is unusually easy to encode.
        yield np.rint(picture + grain[at % len(grain)]).clip(0, 255).astype(np.uint8)


def face_box(at: int, width: int, height: int) -> tuple[float, float, float, float]:
    """The box of the face in frame `at` of a `film`, x1, y1, x2, y2."""
    (a, b, dx), (c, d, dy) = _motion(at, width, height).tolist()
    x1, y1, x2, y2 = FACE
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    scale = (a * a + c * c) ** 0.5
    middle = a * x + b * y + dx, c * x + d * y + dy
    half = (x2 - x1) / 2 * scale, (y2 - y1) / 2 * scale
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def voice(path: Path, seconds: float) -> Path:
    """Write the sample voice, repeated, as a WAV of 16 kHz and `seconds` seconds."""
    import wave

    said = read_sound(SAMPLE_VOICE, RATE)
    levels = np.resize(said, round(seconds * RATE)) * 32767
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(levels.astype("<i2").tobytes())
    return path


def _motion(at: int, width: int, height: int) -> np.ndarray:
    """The (2, 3) matrix from the photograph to frame `at`: roll, sway and a slow zoom."""
    time = at / float(FPS)
    scale = height / 512 * (1 + 0.05 * np.sin(0.9 * time))
    turn = 4 * np.sin(1.3 * time)
    matrix = cv2.getRotationMatrix2D((226, 132), turn, scale)
    sway = 0.03 * height * np.array([np.sin(1.7 * time), np.sin(2.3 * time + 1)])
    matrix[:, 2] += sway + np.array([width / 2 - 226, 0.3 * height - 132])
    return matrix
