"""What the benchmarks work on, made on the spot: a photographed person who moves, and a voice."""

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
FACE = (180.0, 76.0, 272.0, 187.0)  # in the photograph
RATE = 16_000


def still(path: Path) -> Path:
    """The photograph, 512x512."""
    write_picture(path, astronaut())
    return path


def film(path: Path, width: int, height: int, frames: int) -> Path:
    """The photograph filling the height of a video, moved as by a hand-held camera."""
    with VideoWriter(path, width, height, FPS) as writer:
        for frame in moving(width, height, frames):
            writer.write(frame)
    return path


def repeated(short: Path, path: Path, frames: int, times: int) -> Path:
    """A `film` of so many frames, again and again; nothing is encoded anew."""
    concatenate([short] * times, None, path, FPS, frames * times)
    return path


def moving(width: int, height: int, frames: int) -> Iterator[np.ndarray]:
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
        # A camera's noise, without which nothing is harder to encode than a drawing.
        yield np.rint(picture + grain[at % len(grain)]).clip(0, 255).astype(np.uint8)


def box(at: int, width: int, height: int) -> tuple[float, float, float, float]:
    """Where the face is in a frame of `film`."""
    (a, b, dx), (c, d, dy) = _motion(at, width, height).tolist()
    x1, y1, x2, y2 = FACE
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    scale = (a * a + c * c) ** 0.5
    middle = a * x + b * y + dx, c * x + d * y + dy
    half = (x2 - x1) / 2 * scale, (y2 - y1) / 2 * scale
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def voice(path: Path, seconds: float) -> Path:
    """The voice of the sample, said again and again, as WAV of 16 kHz."""
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
    """The (2, 3) matrix from the photograph to a frame: a nod, a sway, a little nearer and away."""
    time = at / float(FPS)
    scale = height / 512 * (1 + 0.05 * np.sin(0.9 * time))
    turn = 4 * np.sin(1.3 * time)
    matrix = cv2.getRotationMatrix2D((226, 132), turn, scale)
    sway = 0.03 * height * np.array([np.sin(1.7 * time), np.sin(2.3 * time + 1)])
    matrix[:, 2] += sway + np.array([width / 2 - 226, 0.3 * height - 132])
    return matrix
