"""Clips of a speaker, made here: the astronaut, whose mouth opens with a sound we know."""

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import skimage.data

import wav2lip
from face_detection import detect
from media.assemble import concatenate
from media.video_writer import VideoWriter
from wav2lip.audio import SAMPLE_RATE
from wav2lip.evaluation.footage import FPS, Footage, track_speaker

FRAMES = 50


def loudness(seed: int, frames: int = FRAMES) -> np.ndarray:
    """Syllables of their own length, 0 to 1, (frames,); silent from frame 20 to 33."""
    random = np.random.default_rng(seed)
    peaks = np.cumsum(random.integers(4, 8, frames))
    shape = np.abs(np.sin(np.interp(np.arange(frames), peaks, np.pi * np.arange(len(peaks)))))
    shape[20:34] = 0
    return shape


def write_speech(path: Path, mirrored: bool, seed: int) -> Path:
    """A video of the astronaut, whose mouth follows a modulated noise."""
    picture = np.ascontiguousarray(skimage.data.astronaut()[:260, 90:350])
    if mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    loud = loudness(seed)
    shapes = np.zeros((FRAMES, 8), np.float32)
    shapes[:, [0, 1, 5, 6]] = 2.5 * loud[:, None]
    box = next(iter(detect([picture])))[0].box
    frames = wav2lip.load("compact").render([picture] * FRAMES, np.tile(box, (FRAMES, 1)), shapes)
    height, width = picture.shape[:2]
    silent, sound = path.with_suffix(".silent.mp4"), path.with_suffix(".wav")
    with VideoWriter(silent, width, height, Fraction(FPS)) as writer:
        for frame in frames:
            writer.write(frame)
    noise = np.random.default_rng(seed).normal(0, 0.2, FRAMES * SAMPLE_RATE // FPS)
    samples = noise * loud.repeat(SAMPLE_RATE // FPS)
    with wave.open(str(sound), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    concatenate([silent], sound, path, Fraction(FPS), FRAMES)
    silent.unlink()
    sound.unlink()
    return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two persons, each in a folder of their own."""
    folder = tmp_path_factory.mktemp("clips")
    for person, seed in (("anna", 1), ("berta", 2)):
        (folder / person).mkdir()
        write_speech(folder / person / "speech.mp4", mirrored=person == "berta", seed=seed)
    return folder


@pytest.fixture(scope="session")
def speech(clips: Path) -> Footage:
    return track_speaker(clips / "anna" / "speech.mp4", FRAMES)
