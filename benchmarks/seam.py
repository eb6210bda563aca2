"""Whether it shows where a drawn mouth ends: the step at its rim, and how much it shimmers.

    python -m benchmarks.seam [--moving] [--checkpoint FILE] [CLIPS ...]

Steps and what is told of them are those of `benchmarks.mask_edge`, for six moments from the
quietest to the loudest of a voice. Three engines draw: the shipped one; one whose faces come in
another light; one of random weights, whose light, and nothing else, can be right. Below them stand
yardsticks: the faces with a patch of TEN levels, a seam that is faint; and those of the clips as
they went on to talk, where there is no seam at all.

Shimmer is the change from frame to frame in the cheeks of a person who holds still before a camera
with some noise, while the box is found anew in every frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from skimage.data import astronaut
from torch import Tensor

import face_detection
import wav2lip
from benchmarks import mask_edge
from benchmarks.material import FACE, FPS, RATE, SAMPLE_VOICE
from face_detection.detection import Detection
from face_detection.dlib_detector import DlibDetector
from face_detection.persons import link
from media.sound import read_sound
from media.video import read_frames
from wav2lip.audio import mel_spectrogram, mel_windows
from wav2lip.inference import fastest
from wav2lip.networks import LOWER_TOP, Wav2Lip
from wav2lip.rotated_box import grown
from wav2lip.wav2lip_engine import SIDE, Wav2LipEngine

# Of a clip the eleventh frame is drawn on, and those so many frames later are what really came.
FIRST, LATER = 10, (5, 10)
TEN = 10  # levels


class AnotherLight:
    """A generator that gives back the face it is shown, darker, redder and lit from the left."""

    device = "cpu"

    def encode(self, faces: Tensor) -> list[Tensor]:
        return [faces[:, 3:]]

    def draw(self, mel: Tensor, known: Sequence[Tensor], lower: bool = False) -> Tensor:
        light = torch.linspace(0.95, 0.65, SIDE) * torch.tensor([0.9, 0.95, 1.0])[:, None, None]
        drawn = (known[0] * light + 0.02).clamp(0, 1).expand(len(mel), -1, -1, -1)
        return drawn[:, :, LOWER_TOP:] if lower else drawn


def engines(checkpoint: Path | None = None) -> Iterator[tuple[str, wav2lip.Engine]]:
    if checkpoint:
        yield checkpoint.stem, wav2lip.load(checkpoint, device="cpu")
    yield "compact", wav2lip.load("compact", device="cpu")
    yield "another light", Wav2LipEngine(AnotherLight())  # type: ignore[arg-type]
    torch.manual_seed(0)
    yield "random weights", Wav2LipEngine(fastest(Wav2Lip().eval(), "cpu", "fp32"))


def step_change(
    engine: wav2lip.Engine,
    frame: np.ndarray,
    face: Detection,
    drive: np.ndarray,
    moving: bool = False,
) -> mask_edge.Steps:
    """The steps in the frame as it was, and in what the engine makes of it."""
    rolls = np.array([face.roll])
    places = grown(np.array([face.box]), rolls, engine.pads)
    results = engine.render(
        [frame] * len(drive),
        np.repeat(places, len(drive), 0),
        drive,
        rolls=np.repeat(rolls, len(drive)),
        moving=moving,
    )
    was, *became = _looks([frame, *results], places[0], face.roll, engine.architecture)
    return mask_edge.compare(was, became, mask_edge.mask(places[0], engine.architecture))


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


class Face(NamedTuple):
    """A face in a frame, and the frames in which it went on to talk, if it did."""

    name: str
    frame: np.ndarray
    detection: Detection
    later: list[np.ndarray]


def faces(clips: Sequence[Path]) -> Iterator[Face]:
    """The photograph in three sizes, upright and leaning, and a frame of each clip."""
    detector = DlibDetector()
    for scale, lean in product((1.0, 2.5, 5.0), (0, 25)):
        turn = cv2.getRotationMatrix2D((226, 131), -lean, 1)
        frame = cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        [found, *_] = detector.detect([frame])[0]
        yield Face(f"photograph x{scale:g}, {lean} degrees", frame, found, [])
    for clip in clips:
        frames = list(read_frames(clip, FIRST, FIRST + max(LATER) + 1))
        if frames and (detected := detector.detect(frames[:1])[0]):
            later = [frames[at] for at in LATER if at < len(frames)]
            yield Face(clip.name, frames[0], detected[0], later)


def yardsticks(
    seen: Sequence[Face], engine: wav2lip.Engine
) -> Iterator[tuple[str, list[tuple[str, mask_edge.Steps]]]]:
    """What is told at the rim of an engine of a faint seam, and of real mouths that move."""
    patched, talking = [], []
    for name, frame, face, later in seen:
        [box] = grown(np.array([face.box]), np.array([face.roll]), engine.pads)
        shown = mask_edge.mask(box, engine.architecture)
        was, *became = _looks([frame, *later], box, face.roll, engine.architecture)
        patch = np.rint(was + TEN * shown[..., None]).clip(0, 255).astype(np.uint8)
        patched.append((name, mask_edge.compare(was, [patch], shown)))
        if became:
            talking.append((name, mask_edge.compare(was, became, shown)))
    yield f"{TEN} levels more", patched
    if talking:
        yield "really talking", talking


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--moving", action="store_true", help="take frames for those of a video")
    options.add_argument("--checkpoint", type=Path, help="weights that draw as well")
    options.add_argument("clips", type=Path, nargs="*")
    chosen = options.parse_args()
    seen = list(faces(chosen.clips))
    print("steps           before  after  change  +-    apart  largest apart of a face")
    for name, engine in engines(chosen.checkpoint):
        drive = _drive(engine)
        told = [
            (each.name, step_change(engine, each.frame, each.detection, drive, chosen.moving))
            for each in seen
        ]
        _print(name, told)
        still, moving = shimmer(engine)
        print(f"{'':<15} shimmer {still:.2f} before, {moving:.2f} after", flush=True)
    for architecture, engine in {each.architecture: each for _, each in engines()}.items():
        print(f"at the rim of {architecture}")
        for name, told in yardsticks(seen, engine):
            _print(name, told)


def _print(name: str, told: Sequence[tuple[str, mask_edge.Steps]]) -> None:
    before, after, apart = np.array([(each.before, each.after, each.apart) for _, each in told]).T
    change = after - before
    error = change.std() / np.sqrt(max(len(change) - 1, 1))  # of their mean
    worst = int(apart.argmax())
    print(
        f"{name:<15} {before.mean():6.2f} {after.mean():6.2f} {change.mean():+7.2f} {error:5.2f} "
        f"{apart.mean():6.2f}  {apart[worst]:.2f} ({told[worst][0]})",
        flush=True,
    )


def _looks(
    frames: Sequence[np.ndarray], box: np.ndarray, roll: float, architecture: str
) -> list[np.ndarray]:
    return [mask_edge.look(frame, box, roll, architecture) for frame in frames]


def _drive(engine: wav2lip.Engine) -> np.ndarray:
    """Six moments of the first four seconds of the voice, from the quietest to the loudest."""
    mel = _mel()
    count = int(4 * FPS)
    loudness = mel_windows(mel, 0, count, FPS).mean(axis=(1, 2))
    chosen = loudness.argsort()[np.linspace(0, count - 1, 6).round().astype(int)]
    return engine.drive(mel, 0, count, FPS)[chosen]


def _mel() -> np.ndarray:
    return mel_spectrogram(read_sound(SAMPLE_VOICE, RATE)[: 4 * RATE])


if __name__ == "__main__":
    main()
