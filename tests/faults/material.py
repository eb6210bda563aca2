"""Small faces and short voices, so that many jobs are made in little time."""

import math
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from media.pictures import read_picture
from media.video_writer import VideoWriter
from tests.faults.campaign import Recipe

RATE = 16000
BOX = [70, 30, 170, 160]  # where the face is in `face`


def face() -> np.ndarray:
    """The astronaut's face, 240x240 RGB."""
    picture = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return read_picture(picture)[0:240, 100:340]


def recipes(folder: Path) -> list[Recipe]:
    """A picture whose face is given, one whose face is found, and a film."""
    picture, film, voice = folder / "face.png", folder / "film.mp4", folder / "voice.wav"
    Image.fromarray(face()).save(picture)
    with VideoWriter(film, 240, 240, Fraction(25)) as writer:
        for shift in range(20):
            writer.write(np.roll(face(), shift, axis=1))
    speak(voice, 1.0)
    return [
        Recipe(picture, voice, {"box": BOX}),
        Recipe(picture, voice),
        Recipe(film, voice),
    ]


def speak(path: Path, seconds: float) -> None:
    """A made-up vowel that swells twice in a second."""
    time = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * math.pi * 120 * k * time) / k for k in range(1, 30))
    swell = np.sin(2 * math.pi * time) ** 2
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((buzz * swell * 8000).astype("<i2").tobytes())
