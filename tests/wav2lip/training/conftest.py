"""Talking clips made on the spot: a photograph whose chin moves up and down with a buzz."""

import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from media.assemble import concatenate
from media.video import VideoWriter
from wav2lip.audio import SAMPLE_RATE
from wav2lip.training import prepare

FPS = Fraction(25)
FRAMES = 40
# Clip, person, held out, mirrored.
CLIPS = (
    ("talk/first.mp4", "a", "no", False),
    ("talk/second.mp4", "a", "no", False),
    ("talk/third.mp4", "b", "yes", True),
)

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three clips and its clips.csv."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "talk").mkdir()
    rows = ["file,person,held_out"]
    for number, (name, person, held_out, mirrored) in enumerate(CLIPS):
        _write_clip(folder / name, speed=2 + number, mirrored=mirrored)
        rows.append(f"{name},{person},{held_out}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clips, prepared."""
    out = tmp_path_factory.mktemp("prepared")
    assert prepare.main(clips, out, processes=1) == len(CLIPS)
    return out


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clips in Wav2Lip's layout, the last to validate on."""
    folder = tmp_path_factory.mktemp("layout")
    for number, (name, person, _, mirrored) in enumerate(CLIPS):
        clip = folder / person / Path(name).stem
        clip.mkdir(parents=True)
        face, opening = _face(mirrored), _opening(2 + number)
        for index, amount in enumerate(opening):
            box = _chin_lowered(face, 8 * float(amount))[76:187, 84:176]
            cv2.imwrite(str(clip / f"{index}.jpg"), np.ascontiguousarray(box[:, :, ::-1]))
        _write_buzz(clip / "audio.wav", np.repeat(opening, int(SAMPLE_RATE / FPS)))
    (folder / "filelists").mkdir()
    (folder / "filelists" / "train.txt").write_text("a/first\na/second\n", encoding="utf-8")
    (folder / "filelists" / "val.txt").write_text("b/third\n", encoding="utf-8")
    return folder


def _write_clip(path: Path, speed: float, mirrored: bool) -> None:
    face, opening = _face(mirrored), _opening(speed)
    silent, sound = path.with_suffix(".silent.mp4.tmp"), path.with_suffix(".wav.tmp")
    with VideoWriter(silent, 256, 256, FPS) as video:
        for amount in opening:
            video.write(_chin_lowered(face, 8 * float(amount)))
    _write_buzz(sound, np.repeat(opening, int(SAMPLE_RATE / FPS)))
    concatenate([silent], sound, path, FPS, FRAMES)
    silent.unlink()
    sound.unlink()


def _face(mirrored: bool) -> np.ndarray:
    face = np.ascontiguousarray(data.astronaut()[:256, 96:352])
    return face[:, ::-1] if mirrored else face


def _opening(speed: float) -> np.ndarray:
    """How far the mouth is open in each frame, 0..1; `speed` words a second."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * speed * np.arange(FRAMES) / float(FPS))


def _chin_lowered(face: np.ndarray, pixels: float) -> np.ndarray:
    """The face with everything below the lips moved down, the mouth stretched in between."""
    rows = np.arange(256, dtype=np.float32)
    lowered = rows - pixels * np.interp(rows, (144, 160, 200, 240), (0, 1, 1, 0)).astype(np.float32)
    columns = np.arange(256, dtype=np.float32)
    maps = np.meshgrid(columns, lowered)
    return cv2.remap(face, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _write_buzz(path: Path, loudness: np.ndarray) -> None:
    time = np.arange(len(loudness)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    samples = (8000 * loudness * buzz / np.abs(buzz).max()).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())
