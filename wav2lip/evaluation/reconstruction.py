"""How near a redrawn mouth comes to the real one, beside copying the mouth of another frame.

A frame of the clip is to be drawn with the face of another: its upper half and pose are known, its
mouth is known by its shape, or by its sound to weights that know no shapes. Copying is to put the
other frame's face into the frame's box, and to keep its lower half.

Weights that go by shapes draw the mouth as in training, from two faces of 96 pixels. In the frame,
at its own resolution, every checkpoint redraws the copy.
"""

from fractions import Fraction

import numpy as np

from wav2lip.compact import crop
from wav2lip.engine import Engine
from wav2lip.evaluation import image_metrics
from wav2lip.evaluation.conditions import ByShapes, rendered, true_shapes
from wav2lip.evaluation.footage import FPS, Face, Footage, who
from wav2lip.evaluation.meter import Score

MOST = 40  # frames of a clip
IDENTITY_EVERY = 20


def redrawn(clip: Footage, rest: np.ndarray, engine: Engine, seed: int) -> Score:
    """Measures, each a number a redrawn frame; `seed` chooses the references."""
    shapes = true_shapes(clip, rest, engine)
    drive = engine.drive(clip.mel, 0, len(clip), Fraction(FPS)) if shapes is None else shapes
    targets = np.unique(np.linspace(0, len(clip) - 1, MOST).round().astype(int))
    frames, drive = clip.frames_at(targets.tolist()), drive[targets]
    faces = [clip.faces[target] for target in targets]
    # Any other of these frames, each as likely.
    steps = np.random.default_rng(seed).integers(1, len(targets), len(targets))
    references = (np.arange(len(targets)) + steps) % len(targets)
    small = np.stack([_small(*each) for each in zip(frames, faces, strict=True)])
    rows: dict[str, list[float]] = {}

    def note(take: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            rows.setdefault(f"{take} {name}", []).append(value)

    for now, (target, face, of) in enumerate(zip(frames, faces, references, strict=True)):
        copied = image_metrics.with_reference(target, face, frames[of], faces[of])
        (made,) = rendered(engine, [copied], [face], drive[now][None])
        in_small = _small(made, face)
        if isinstance(engine, ByShapes):
            (in_small,) = engine.redraw(small[now][None], small[of][None], drive[now][None])
        for take, result, little in (("copied", copied, small[of]), ("redrawn", made, in_small)):
            note(take, _in_frame(result, target, face, clip) | _in_small(little, small[now], clip))
            if now % IDENTITY_EVERY == 0:
                apart = np.linalg.norm(who(result, face) - who(target, face))
                note(take, {"identity": float(apart)})
    return {name: np.array(values) for name, values in rows.items()}


def _small(frame: np.ndarray, face: Face) -> np.ndarray:
    return crop.crop(frame, face.box, roll=face.roll)


def _in_small(made: np.ndarray, real: np.ndarray, clip: Footage) -> dict[str, float]:
    mouth = image_metrics.region(np.array([0, 0, crop.SIZE, crop.SIZE]), clip.mouth, real)
    return {
        "decibels": image_metrics.decibels(made[mouth], real[mouth]),
        "likeness": image_metrics.likeness(made, real, mouth),
    }


def _in_frame(made: np.ndarray, real: np.ndarray, face: Face, clip: Footage) -> dict[str, float]:
    mouth = image_metrics.region(face.box, clip.mouth, real)
    return {
        "full decibels": image_metrics.decibels(made[mouth], real[mouth]),
        "full likeness": image_metrics.likeness(made, real, mouth),
        "sharpness": image_metrics.sharpness(made[mouth]),
        "real sharpness": image_metrics.sharpness(real[mouth]),
    }
