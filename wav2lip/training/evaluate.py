"""How well a checkpoint speaks, on persons it has never seen.

    python -m wav2lip.training.evaluate checkpoints/compact.pt PREPARED --table clips.csv

A still of each held-out person is driven by that person's own voice, by somebody else's, by the
true mouth shapes and by silence; landmarks are measured anew on the results and compared with those
of the real frames. A correlation means something only beside that of the other voice.
"""

import argparse
import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from face_detection.landmarks import landmarks_in_fitted
from wav2lip.audio import SILENCE
from wav2lip.compact import crop, mouth_shape
from wav2lip.compact.engine import CompactEngine
from wav2lip.training import dataset
from wav2lip.training.prepare import FPS, MARGIN

# Clips of one person are judged together; so many frames of a person are enough.
FRAMES = 400
# Where the face lies in a stored crop; jaws are about 0.8 of a box's height wide.
BOX = (MARGIN + 0.1 * crop.SIZE, MARGIN, MARGIN + 0.9 * crop.SIZE, MARGIN + crop.SIZE)
SILENT_FRAMES = 25


def main(
    checkpoint: Path, prepared: Path, table: Path | None = None, lags: Path | None = None
) -> dict[str, dict[str, float]]:
    """Measure every held-out person with a voice; returns figures by person, and their mean.

    `lags` (lags.json of a voice run on all clips) would drop clips whose own lips do not follow
    their sound; without it every held-out clip with sound is judged.
    """
    engine = CompactEngine.from_checkpoint(checkpoint)
    unit = np.asarray(engine.unit)
    known = json.loads(lags.read_text()) if lags else None
    clips = [
        clip
        for clip in dataset.load(prepared, table)
        if clip.held_out and clip.mel.shape[1] and (known is None or clip.name in known)
    ]
    persons: dict[str, list[dataset.Clip]] = {}
    for clip in clips:
        members = persons.setdefault(clip.person, [])
        if sum(len(member.raw) for member in members) < FRAMES:
            members.append(clip)
    names = sorted(persons)
    figures = {
        name: _person(engine, unit, persons[name], persons[names[index - 1]])
        for index, name in enumerate(tqdm(names, unit="person"))
    }
    keys = next(iter(figures.values()))
    figures["mean"] = {k: round(float(np.mean([f[k] for f in figures.values()])), 3) for k in keys}
    return figures


def _person(
    engine: CompactEngine,
    unit: np.ndarray,
    clips: list[dataset.Clip],
    others: list[dataset.Clip],
) -> dict[str, float]:
    kinds = ("true voice", "other voice", "true shapes")
    opening: dict[str, list[np.ndarray]] = {kind: [] for kind in ("real", *kinds)}
    decibels, sharpness = [], []
    for index, clip in enumerate(clips):
        other = others[index % len(others)].mel
        count = min(len(clip.raw), FRAMES)
        real = clip.crops()[:count]
        still = real[_closed(clip)]
        shapes = (clip.raw[:count] - clip.rest) / unit
        drives = (
            engine.drive(clip.mel, 0, count, Fraction(FPS)),
            engine.drive(_of_length(other, clip.mel.shape[1]), 0, count, Fraction(FPS)),
            shapes.clip(-4, 4),
        )
        opening["real"].append(clip.raw[:count, mouth_shape.OPENING])
        for kind, drive in zip(kinds, drives, strict=True):
            made = rendered(engine, still, drive)
            opening[kind].append(measured(made)[:, mouth_shape.OPENING])
        mouth = _mouth(clip.points)
        decibels.append((_decibels(np.stack(made), real, mouth), _decibels(still, real, mouth)))
        sharpness.append(_sharpness(made, mouth) / _sharpness(real, mouth))
    joined = {kind: np.concatenate(parts) for kind, parts in opening.items()}
    silence = np.full((80, SILENT_FRAMES * 4), SILENCE, np.float32)
    at_rest = measured(
        rendered(engine, still, engine.drive(silence, 0, SILENT_FRAMES, Fraction(FPS)))
    )[:, mouth_shape.OPENING]
    figures = {
        **{f"r {kind}": np.corrcoef(joined["real"], joined[kind])[0, 1] for kind in kinds},
        **{f"spread {kind}": joined[kind].std() for kind in ("real", *kinds)},
        "opening in silence": float(at_rest.mean()),
        "motion in silence": float(at_rest.std()),
        "mouth dB, true shapes": float(np.mean([made for made, _ in decibels])),
        "mouth dB, copied still": float(np.mean([still for _, still in decibels])),
        "sharpness": float(np.mean(sharpness)),
    }
    return {name: round(float(value), 3) for name, value in figures.items()}


def rendered(engine: CompactEngine, still: np.ndarray, drive: np.ndarray) -> list[np.ndarray]:
    """A stored crop with its mouth moved by `drive` (n, 8)."""
    return engine.render([still] * len(drive), np.tile(BOX, (len(drive), 1)), drive)


def measured(frames: list[np.ndarray]) -> np.ndarray:
    """Raw lengths (n, 8) of what the frames show."""
    return mouth_shape.measure(np.stack([landmarks_in_fitted(frame, BOX) for frame in frames]))


def _closed(clip: dataset.Clip) -> int:
    """A frame with the mouth nearly closed: it gives nothing away."""
    opening = clip.raw[:, mouth_shape.OPENING]
    return int(np.argsort(opening)[len(opening) // 10])


def _of_length(mel: np.ndarray, columns: int) -> np.ndarray:
    return np.tile(mel, -(-columns // mel.shape[1]))[:, :columns]


def _mouth(points: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns around the mouth of all frames of a clip."""
    lips = points[:, 48:].reshape(-1, 2)
    (x1, y1), (x2, y2) = np.percentile(lips, 2, axis=0), np.percentile(lips, 98, axis=0)
    return slice(int(y1) - 2, int(y2) + 3), slice(int(x1) - 2, int(x2) + 3)


def _decibels(made: np.ndarray, real: np.ndarray, mouth: tuple[slice, slice]) -> float:
    error = (made[..., *mouth, :].astype(float) - real[:, *mouth]) ** 2
    return float(10 * np.log10(255**2 / error.mean()))


def _sharpness(frames: list[np.ndarray] | np.ndarray, mouth: tuple[slice, slice]) -> float:
    """Variance of the Laplacian around the mouth."""
    grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[mouth] for frame in frames)
    return float(np.mean([cv2.Laplacian(picture, cv2.CV_64F).var() for picture in grey]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--table", type=Path, help="clips.csv: file, person, held_out")
    parser.add_argument("--lags", type=Path, help="lags.json of a voice run")
    print(json.dumps(main(**vars(parser.parse_args())), indent=1))
