"""Whether the mouth rests where nobody speaks, measured with landmarks on rendered frames.

    python -m benchmarks.silence [--music FILE] [CLIPS ...]

A still, a video of a head that moves with a closed mouth, and clips of talking people are driven
by a voice whose speech is known: between its sentences there is silence, one of the sounds of
`benchmarks.sounds`, or other music. Printed is the variance of the opening in what is not speech,
relative to that in speech, without a fifth of a second at each border.
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
from benchmarks import sounds
from benchmarks.material import FACE, FPS, RATE, SAMPLE_VOICE, face_box, film_frames
from face_detection.centerface import CenterFaceDetector
from face_detection.landmarks import landmarks_in_fitted
from face_detection.persons import link
from media.sound import read_sound
from media.timeline import bounce
from media.video import read_frames
from wav2lip.audio import mel_spectrogram
from wav2lip.compact import mouth_shape
from wav2lip.evaluation.conditions import is_moving, mouths_shown
from wav2lip.evaluation.footage import Face

BORDER_SECONDS = 0.2
# Seconds of each sound, and of speech after it.
OTHER_SECONDS, SPEECH_SECONDS = 3.0, 1.4
KINDS = ("silence", *sounds.KINDS)


def voice(music: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The sound (m,) float32 at 16 kHz, and for each frame of it the kind of sound, "" at borders.

    `music` is a file that replaces the chords.
    """
    spoken = read_sound(SAMPLE_VOICE, RATE)
    rng = np.random.default_rng(0)
    said, border = round(SPEECH_SECONDS * RATE), round(BORDER_SECONDS * FPS)
    parts, labels = [], []
    for number, kind in enumerate(KINDS):
        count = round(OTHER_SECONDS * RATE)
        if kind == "chords" and music is not None:
            other = np.resize(read_sound(music, RATE), count)
        else:
            other = sounds.KINDS[kind](rng, count) if kind in sounds.KINDS else np.zeros(count)
        parts += [other, np.roll(spoken, -number * said)[:said]]
        for name, seconds in ((kind, OTHER_SECONDS), ("speech", SPEECH_SECONDS)):
            labels += [""] * border + [name] * (round(seconds * FPS) - 2 * border) + [""] * border
    return np.concatenate(parts).astype(np.float32), np.array(labels)


def openings(frames: list[np.ndarray], boxes: np.ndarray, rolls: np.ndarray) -> np.ndarray:
    """The inner opening of the mouth in each frame, (n,) in units of the face."""
    points = [
        landmarks_in_fitted(frame, tuple(place), roll)
        for frame, place, roll in zip(frames, boxes.tolist(), rolls.tolist(), strict=True)
    ]
    return mouth_shape.measure(np.array(points))[:, mouth_shape.OPENING]


def variance_ratios(opening: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """For each kind of sound but speech, the variance of the opening relative to that in speech."""
    spoken = opening[labels == "speech"].var()
    return {kind: float(opening[labels == kind].var() / spoken) for kind in KINDS}


def sources(
    clips: list[Path], count: int
) -> Iterator[tuple[str, list[np.ndarray], np.ndarray, np.ndarray]]:
    """Name, frames, boxes (n, 4) and rolls (n,)."""
    yield "still", [astronaut()] * count, np.tile(FACE, (count, 1)), np.zeros(count)
    boxes = np.array([face_box(at, 480, 360) for at in range(count)])
    yield "moving head", list(film_frames(480, 360, count)), boxes, np.zeros(count)
    for clip in clips:
        seen = list(islice(read_frames(clip, 0, count, FPS), count))
        persons = link(list(face_detection.detect(seen, CenterFaceDetector())))
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
    options.add_argument("--music", type=Path, help="a piece instead of the chords")
    chosen = options.parse_args()
    engine = wav2lip.load(chosen.checkpoint)
    sound, labels = voice(chosen.music)
    drive = engine.drive(mel_spectrogram(sound), 0, len(labels), FPS)
    print(f"{'source':<24}" + "".join(f"{kind:>10}" for kind in KINDS) + "   own mouth  in speech")
    for name, frames, boxes, rolls in sources(chosen.clips, len(labels)):
        moving = is_moving(frames)
        faces = [Face(*place) for place in zip(boxes, rolls.tolist(), strict=True)]
        mouths = mouths_shown(engine, frames, faces)
        made = engine.render(frames, boxes, drive, rolls=rolls, moving=moving, mouths=mouths)
        opening = openings(made, boxes, rolls)
        own = openings(frames, boxes, rolls).std()
        found = variance_ratios(opening, labels)
        print(
            f"{name[:23]:<24}"
            + "".join(f"{found[kind]:10.1%}" for kind in KINDS)
            + f"{own:11.4f} {opening[labels == 'speech'].std():10.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
