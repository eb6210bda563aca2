"""Whether a mouth rests where nothing is said, measured with landmarks on the frames made.

    python -m benchmarks.silence [--music FILE] [CLIPS ...]

A still, a video of somebody who holds the mouth and moves the head, and clips of people who talk
are given a voice of which it is known where it speaks: there are pauses of digital silence and of a
noisy room, and an intro of chords, or of another music. Printed is the variance of the opening in
what is not speech, as a share of that in speech, with a fifth of a second at each border left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from skimage.data import astronaut

import face_detection
import wav2lip
from benchmarks.material import FACE, FPS, RATE, SAMPLE_VOICE, box, moving
from face_detection.frontal import DlibDetector
from face_detection.landmarks import landmarks_in_fitted
from face_detection.persons import link
from media.sound import read_sound
from media.timeline import bounce
from media.video import read_frames
from wav2lip.audio import mel_spectrogram
from wav2lip.compact import mouth_shape
from wav2lip.evaluation.takes import is_moving

BORDER_SECONDS = 0.2
# What follows what: the kind of sound and its seconds.
PROGRAMME = [
    ("music", 2.0),
    ("speech", 2.0),
    ("silence", 1.2),
    ("speech", 1.6),
    ("room", 1.2),
    ("speech", 1.0),
    ("silence", 0.8),
]
KINDS = ("silence", "room", "music")


def voice(music: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The sound, mono at 16 kHz, and for each frame of it what is to be heard; "" at borders."""
    spoken = read_sound(SAMPLE_VOICE, RATE)
    noise = np.random.default_rng(0)
    parts, labels, at = [], [], 0
    for kind, seconds in PROGRAMME:
        count, frames = round(seconds * RATE), round(seconds * FPS)
        if kind == "speech":
            part, at = spoken[at : at + count], at + count
        elif kind == "music":
            part = _chords(count) if music is None else read_sound(music, RATE)[:count]
        else:
            part = noise.normal(0, 0.003 if kind == "room" else 0, count)
        border = round(BORDER_SECONDS * FPS)
        parts.append(np.resize(part, count))
        labels += [""] * border + [kind] * (frames - 2 * border) + [""] * border
    return np.concatenate(parts).astype(np.float32), np.array(labels)


def openings(frames: list[np.ndarray], boxes: np.ndarray, rolls: np.ndarray) -> np.ndarray:
    """The inner opening of the mouth in each frame, in units of the face (n,)."""
    points = [
        landmarks_in_fitted(frame, tuple(place), roll)
        for frame, place, roll in zip(frames, boxes.tolist(), rolls.tolist(), strict=True)
    ]
    return mouth_shape.measure(np.array(points))[:, mouth_shape.OPENING]


def shares(opening: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Of each kind of sound that is not speech the variance as a share of that in speech."""
    spoken = opening[labels == "speech"].var()
    return {kind: float(opening[labels == kind].var() / spoken) for kind in KINDS}


def sources(
    clips: list[Path], count: int
) -> Iterator[tuple[str, list[np.ndarray], np.ndarray, np.ndarray]]:
    """Name, frames, boxes (n, 4) and rolls (n,)."""
    yield "still", [astronaut()] * count, np.tile(FACE, (count, 1)), np.zeros(count)
    boxes = np.array([box(at, 480, 360) for at in range(count)])
    yield "moving head", list(moving(480, 360, count)), boxes, np.zeros(count)
    for clip in clips:
        seen = list(islice(read_frames(clip, 0, count, FPS), count))
        persons = link(list(face_detection.detect(seen, DlibDetector())))
        if not persons or persons[0].intervals != [(0, len(seen))]:
            continue
        order = [bounce(at, len(seen)) for at in range(count)]
        places = np.array([persons[0].box_at(at) for at in order])
        rolls = np.array([persons[0].roll_at(at) for at in order])
        yield clip.name, [seen[at] for at in order], places, rolls


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("clips", type=Path, nargs="*")
    options.add_argument("--checkpoint", default="compact")
    options.add_argument("--music", type=Path, help="a piece to begin with instead of chords")
    chosen = options.parse_args()
    engine = wav2lip.load(chosen.checkpoint)
    sound, labels = voice(chosen.music)
    drive = engine.drive(mel_spectrogram(sound), 0, len(labels), FPS)
    print(f"{'source':<24}" + "".join(f"{kind:>10}" for kind in KINDS) + "   own mouth  in speech")
    for name, frames, boxes, rolls in sources(chosen.clips, len(labels)):
        moving = is_moving(frames)
        made = engine.render(frames, boxes, drive, rolls=rolls, moving=moving)
        opening = openings(made, boxes, rolls)
        own = openings(frames, boxes, rolls).std()
        found = shares(opening, labels)
        print(
            f"{name[:23]:<24}"
            + "".join(f"{found[kind]:10.1%}" for kind in KINDS)
            + f"{own:11.4f} {opening[labels == 'speech'].std():10.4f}",
            flush=True,
        )


def _chords(count: int) -> np.ndarray:
    """A chord a second, with overtones that die away."""
    time = np.arange(count) / RATE
    sound = np.zeros(count)
    for start, root in enumerate((220.0, 174.6, 261.6, 196.0)):
        since = (time - start).clip(0)
        struck = np.where((time >= start) & (time < start + 1), np.exp(-1.5 * since), 0)
        for interval in (1, 5 / 4, 3 / 2):
            for overtone in range(1, 6):
                sound += struck * np.sin(2 * np.pi * root * interval * overtone * since) / overtone
    return 0.08 * sound


if __name__ == "__main__":
    main()
