"""Whether it shows where a drawn mouth ends: the step at its rim, and how much it shimmers.

    python -m benchmarks.seam [CLIPS ...]

The step is the difference between a band inside the rim and one outside it, in levels of 255, in
the result and in the frame as it was. Shimmer is the change from frame to frame in the cheeks of a
person who holds still before a camera with some noise, while the box is found anew in every frame.
Three engines draw: the shipped one; one whose faces come in another light; one of random weights,
whose light, and nothing else, can be right.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.data import astronaut
from torch import Tensor

import face_detection
import wav2lip
from benchmarks.material import FACE, FPS, RATE, SAMPLE_VOICE
from face_detection.detection import Detection
from face_detection.frontal import DlibDetector
from face_detection.persons import link
from media.sound import read_sound
from media.video import read_frames
from wav2lip import compositing
from wav2lip.audio import mel_spectrogram
from wav2lip.compact.crop import square
from wav2lip.leaning import grown
from wav2lip.networks import LOWER_TOP, Wav2Lip
from wav2lip.original import SIDE, Wav2LipEngine
from wav2lip.precision import Generator, fastest

# A face is looked at in so many pixels, with as much around it; bands are so deep, and a step is
# taken over so long a stretch of them.
LOOK, AROUND, DEPTH, STRETCH = 192, 24, 6, 16


@dataclass(frozen=True)
class Rim:
    """Where a drawing begins to show, and where it shows in full, in shares of its area."""

    outer: tuple[float, float, float, float]
    inner: tuple[float, float, float, float]


RIMS = {
    "wav2lip": Rim((0.0, 0.5, 1.0, 1.0), (0.1, 0.62, 0.9, 0.92)),
    "compact": Rim((10 / 96, 40 / 96, 86 / 96, 1.0), (22 / 96, 50 / 96, 74 / 96, 88 / 96)),
}


class AnotherLight:
    """A generator that gives back the face it is shown, darker, redder and lit from the left."""

    device = "cpu"

    def encode(self, faces: Tensor) -> list[Tensor]:
        return [faces[:, 3:]]

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        light = torch.linspace(0.95, 0.65, SIDE) * torch.tensor([0.9, 0.95, 1.0])[:, None, None]
        drawn = (known[0] * light + 0.02).clamp(0, 1).expand(len(mel), -1, -1, -1)
        return drawn[:, :, LOWER_TOP:] if lower else drawn


def engines() -> Iterator[tuple[str, wav2lip.Engine]]:
    yield "compact", wav2lip.load("compact", device="cpu")
    yield "another light", Wav2LipEngine(AnotherLight())  # type: ignore[arg-type]
    torch.manual_seed(0)
    random: Generator = fastest(Wav2Lip().eval(), "cpu", "fp32")
    yield "random weights", Wav2LipEngine(random)


def steps(frame: np.ndarray, box: np.ndarray, roll: float, architecture: str) -> np.ndarray:
    """The steps inwards across the rim, a (n, 3) for stretches along the top, sides and bottom."""
    x1, y1, x2, y2 = _area(box, architecture)
    margin = AROUND / LOOK
    width, height = (x2 - x1) * margin, (y2 - y1) * margin
    wide = np.array([x1 - width, y1 - height, x2 + width, y2 + height])
    # A box that leans by nearly nothing is seen through the same glass as any other.
    look = compositing.cut(frame, wide, LOOK + 2 * AROUND, roll or 1e-9).astype(float)
    rim = RIMS[architecture]
    outer, inner = (
        [AROUND + round(share * LOOK) for share in corners] for corners in (rim.outer, rim.inner)
    )
    turned = look.transpose(1, 0, 2)
    inside, outside = [], []
    for picture, (near, far), (start, stop) in (
        (look, (outer[1], inner[1]), (inner[0], inner[2])),
        (look, (outer[3] + DEPTH, inner[3] - DEPTH), (inner[0], inner[2])),
        (turned, (outer[0], inner[0]), (inner[1], inner[3])),
        (turned, (outer[2] + DEPTH, inner[2] - DEPTH), (inner[1], inner[3])),
    ):
        for at in range(start, stop - STRETCH + 1, STRETCH):
            outside.append(picture[near - DEPTH : near, at : at + STRETCH].mean(axis=(0, 1)))
            inside.append(picture[far : far + DEPTH, at : at + STRETCH].mean(axis=(0, 1)))
    return np.array(inside) - np.array(outside)


def step_change(
    engine: wav2lip.Engine, frame: np.ndarray, face: Detection, drive: np.ndarray
) -> tuple[float, float]:
    """The mean absolute step in the frame as it was, and in what the engine makes of it."""
    rolls = np.array([face.roll])
    places = grown(np.array([face.box]), rolls, engine.pads)
    results = engine.render(
        [frame] * len(drive),
        np.repeat(places, len(drive), 0),
        drive,
        rolls=np.repeat(rolls, len(drive)),
    )
    before = steps(frame, places[0], face.roll, engine.architecture)
    after = [steps(each, places[0], face.roll, engine.architecture) for each in results]
    return float(np.abs(before).mean()), float(np.abs(after).mean())


def shimmer(engine: wav2lip.Engine, frames: int = 25) -> tuple[float, float]:
    """The change from frame to frame in the cheeks, before and after, in levels."""
    noise = np.random.default_rng(0)
    film = [
        (astronaut() + noise.normal(0, 2, (512, 512, 1))).clip(0, 255).astype(np.uint8)
        for _ in range(frames)
    ]
    [person] = link(list(face_detection.detect(film, DlibDetector())))
    boxes = np.array([person.box_at(at) for at in range(frames)])
    places = grown(boxes, np.zeros(frames), engine.pads)
    drive = np.repeat(engine.drive(_mel(), 20, 21, FPS), frames, 0)
    results = engine.render(film, places, drive)
    x1, y1, x2, y2 = FACE
    width, height = x2 - x1, y2 - y1
    rows = slice(round(y1 + 0.58 * height), round(y1 + 0.66 * height))
    cheeks = [
        (rows, slice(round(x1 + share * width), round(x1 + (share + 0.12) * width)))
        for share in (0.2, 0.68)
    ]
    before, after = (
        np.mean(
            [
                np.abs(np.diff(np.array([f[at] for f in each], float), axis=0)).mean()
                for at in cheeks
            ]
        )
        for each in (film, results)
    )
    return float(before), float(after)


def faces(clips: Sequence[Path]) -> Iterator[tuple[str, np.ndarray, Detection]]:
    """The photograph in three sizes, upright and leaning, and a frame of each clip."""
    detector = DlibDetector()
    for scale, lean in product((1.0, 2.5, 5.0), (0, 25)):
        turn = cv2.getRotationMatrix2D((226, 131), -lean, 1)
        frame = cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        yield f"photograph x{scale:g}, {lean} degrees", frame, detector.detect([frame])[0][0]
    for clip in clips:
        for frame in islice(read_frames(clip, 10, 11), 1):
            if found := detector.detect([frame])[0]:
                yield clip.name, frame, found[0]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("clips", type=Path, nargs="*")
    chosen = options.parse_args()
    seen = list(faces(chosen.clips))
    print("engine          step before  after  change  largest in a face  shimmer before  after")
    for name, engine in engines():
        drive = engine.drive(_mel(), 10, 40, FPS)[::5]
        both = np.array([step_change(engine, frame, face, drive) for _, frame, face in seen])
        change = both[:, 1] - both[:, 0]
        still, moving = shimmer(engine)
        worst = int(np.abs(change).argmax())
        print(
            f"{name:<15} {both[:, 0].mean():11.2f} {both[:, 1].mean():6.2f} {change.mean():+7.2f}  "
            f"{change[worst]:+.2f} ({seen[worst][0]})  {still:.2f} {moving:.2f}",
            flush=True,
        )


def _area(box: np.ndarray, architecture: str) -> np.ndarray:
    if architecture != "compact":
        return box
    left, top, side = square(box)
    return np.array([left, top, left + side, top + side])


def _mel() -> np.ndarray:
    return mel_spectrogram(read_sound(SAMPLE_VOICE, RATE)[: 4 * RATE])


if __name__ == "__main__":
    main()
