"""Draws docs/picture.png: a portrait, and frames of it speaking the sample voice."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import skimage.data

import face_detection
import wav2lip
from media.pictures import write_picture
from media.sample import VOICE
from media.sound import read_sound
from rendering.source_mouths import find_mouth
from wav2lip.audio import mel_spectrogram

HERE = Path(__file__).parent
FPS = Fraction(25)
MOMENTS = [6, 16, 24, 54, 118]  # frames in which the mouth is open, closed, or between the two
GAP = 6  # white pixels between two frames


def main() -> None:
    portrait = skimage.data.astronaut()
    (faces,) = face_detection.detect([portrait])
    x1, y1, x2, y2 = (round(side) for side in faces[0].box)
    engine = wav2lip.load("compact")
    drive = engine.drive(mel_spectrogram(read_sound(VOICE)), 0, max(MOMENTS) + 1, FPS)[MOMENTS]
    boxes = np.tile(faces[0].box, (len(MOMENTS), 1))
    frames = [portrait] * len(MOMENTS)
    mouth = find_mouth(engine, portrait, boxes[0], 0.0)
    spoken = engine.render(frames, boxes, drive, mouths=[mouth] * len(MOMENTS))
    width, height = x2 - x1, y2 - y1
    window = np.s_[y1 - height // 2 : y2 + height // 4, x1 - width // 3 : x2 + width // 3]
    shown = [np.pad(frame[window], ((0, 0), (0, GAP), (0, 0)), constant_values=255)
             for frame in [portrait, *spoken]]  # fmt: skip
    write_picture(HERE / "picture.png", np.concatenate(shown, axis=1)[:, :-GAP])


if __name__ == "__main__":
    main()
