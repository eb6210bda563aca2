"""Whether the edge of a rendered mouth shows: steps across the mask's edge, and shimmer.

    python -m benchmarks.seam [--moving] [--checkpoint FILE] [CLIPS ...]

Steps are those of `benchmarks.mask_edge`, at six moments of a voice from the quietest to the
loudest. Three engines render: the shipped one; one whose faces come back in another light; one with
random weights, of which only the light can be right. Two baselines follow: the faces with a patch
of PATCH_LEVELS levels, which is a faint seam; and those of the clips some frames later, without any
seam.

Shimmer is the mean change from frame to frame in the cheeks of a person who does not move, in front
of a camera with noise, with the box detected in every frame.
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
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection
from face_detection.persons import link
from media.sound import read_sound
from media.video import read_frames
from wav2lip.audio import mel_spectrogram, mel_windows
from wav2lip.evaluation.conditions import find_mouth, mouths_shown
from wav2lip.evaluation.footage import Face
from wav2lip.inference import fastest
from wav2lip.networks import LOWER_TOP, Wav2Lip
from wav2lip.rotated_box import grown
from wav2lip.wav2lip_engine import SIDE, Wav2LipEngine

# The frame of a clip that is rendered on, and how many frames later the real mouth is compared.
FIRST, LATER = 10, (5, 10)
PATCH_LEVELS = 10


class RelitGenerator:
    """A generator that returns its reference face darker, redder and lit from the left."""

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
    yield "another light", Wav2LipEngine(RelitGenerator())  # type: ignore[arg-type]
    torch.manual_seed(0)
    yield "random weights", Wav2LipEngine(fastest(Wav2Lip().eval(), "cpu", "fp32"))


def step_change(
    engine: wav2lip.Engine,
    frame: np.ndarray,
    face: Detection,
    drive: np.ndarray,
    moving: bool = False,
) -> mask_edge.Steps:
    """The steps in a frame, and in what the engine renders of it for each row of `drive`."""
    rolls = np.array([face.roll])
    places = grown(np.array([face.box]), rolls, engine.pads)
    mouth = find_mouth(engine, frame, Face(np.array(face.box), face.roll))
    results = engine.render(
        [frame] * len(drive),
        np.repeat(places, len(drive), 0),
        drive,
        rolls=np.repeat(rolls, len(drive)),
        moving=moving,
        mouths=[mouth] * len(drive),
    )
    was, *became = _face_crops([frame, *results], places[0], face.roll, engine.architecture)
    return mask_edge.compare(was, became, mask_edge.mask(places[0], engine.architecture))


def shimmer(engine: wav2lip.Engine, frames: int = 25) -> tuple[float, float]:
    """The mean change from frame to frame in the cheeks, in levels: of sources and of results."""
    noise = np.random.default_rng(0)
    film = [
        (astronaut() + noise.normal(0, 2, (512, 512, 1))).clip(0, 255).astype(np.uint8)
        for _ in range(frames)
    ]
    [person] = link(list(face_detection.detect(film, CenterFaceDetector())))
    boxes = np.array([person.box_at(at) for at in range(frames)])
    places = grown(boxes, np.zeros(frames), engine.pads)
    drive = np.repeat(engine.drive(_mel(), 20, 21, FPS), frames, 0)
    mouths = mouths_shown(engine, film, [Face(box, 0.0) for box in boxes])
    results = engine.render(film, places, drive, mouths=mouths)
    x1, y1, x2, y2 = FACE
    width, height = x2 - x1, y2 - y1
    rows = slice(round(y1 + 0.58 * height), round(y1 + 0.66 * height))
    cheeks = [
        (rows, slice(round(x1 + left * width), round(x1 + (left + 0.12) * width)))
        for left in (0.2, 0.68)
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


class SeenFace(NamedTuple):
    """A face in a frame, and later frames of its clip, if it is from one."""

    name: str
    frame: np.ndarray
    detection: Detection
    later: list[np.ndarray]


def faces(clips: Sequence[Path]) -> Iterator[SeenFace]:
    """The photograph in three sizes, upright and rolled, and a frame of each clip."""
    detector = CenterFaceDetector()
    for scale, lean in product((1.0, 2.5, 5.0), (0, 25)):
        turn = cv2.getRotationMatrix2D((226, 131), -lean, 1)
        frame = cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        [found, *_] = detector.detect([frame])[0]
        yield SeenFace(f"photograph x{scale:g}, {lean} degrees", frame, found, [])
    for clip in clips:
        frames = list(read_frames(clip, FIRST, FIRST + max(LATER) + 1))
        if frames and (detected := detector.detect(frames[:1])[0]):
            later = [frames[at] for at in LATER if at < len(frames)]
            yield SeenFace(clip.name, frames[0], detected[0], later)


def baselines(
    seen: Sequence[SeenFace], engine: wav2lip.Engine
) -> Iterator[tuple[str, list[tuple[str, mask_edge.Steps]]]]:
    """Steps at the mask's edge of an engine for a faint seam, and for real mouths that move."""
    patched, talking = [], []
    for name, frame, face, later in seen:
        [box] = grown(np.array([face.box]), np.array([face.roll]), engine.pads)
        shown = mask_edge.mask(box, engine.architecture)
        was, *became = _face_crops([frame, *later], box, face.roll, engine.architecture)
        patch = np.rint(was + PATCH_LEVELS * shown[..., None]).clip(0, 255).astype(np.uint8)
        patched.append((name, mask_edge.compare(was, [patch], shown)))
        if became:
            talking.append((name, mask_edge.compare(was, became, shown)))
    yield f"{PATCH_LEVELS} levels more", patched
    if talking:
        yield "really talking", talking


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--moving", action="store_true", help="render as for a video")
    options.add_argument("--checkpoint", type=Path, help="a checkpoint to render with as well")
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
        print(f"at the edge of {architecture}")
        for name, told in baselines(seen, engine):
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


def _face_crops(
    frames: Sequence[np.ndarray], box: np.ndarray, roll: float, architecture: str
) -> list[np.ndarray]:
    return [mask_edge.face_crop(frame, box, roll, architecture) for frame in frames]


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
