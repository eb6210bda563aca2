"""How near a redrawn mouth comes to the real one, beside copying the mouth of another frame.

A frame of the clip is given the lower half of another frame's face, box upon box: the frame's upper
half and pose are known, its mouth is not. That is the copied reference. The checkpoint redraws it
with the frame's true mouth shape, or from the voice where it knows no shapes.
"""

from fractions import Fraction

import numpy as np

from wav2lip.compact import crop
from wav2lip.engine import Engine
from wav2lip.evaluation import pictures
from wav2lip.evaluation.footage import FPS, Face, Footage, who
from wav2lip.evaluation.takes import rendered, true_shapes

MOST = 40  # frames of a clip
IDENTITY_EVERY = 20


def redrawn(clip: Footage, rest: np.ndarray, engine: Engine, seed: int) -> dict[str, np.ndarray]:
    """Measures by name, each a number a redrawn frame; `seed` chooses the references."""
    drive = true_shapes(clip, rest, engine)
    if drive is None:
        drive = engine.drive(clip.mel, 0, len(clip), Fraction(FPS))
    random = np.random.default_rng(seed)
    targets = np.unique(np.linspace(0, len(clip) - 1, MOST).round().astype(int))
    frames, drive = clip.frames_at(targets.tolist()), drive[targets]
    faces = [clip.faces[target] for target in targets]
    # Any other of these frames, each as likely.
    steps = random.integers(1, len(targets), len(targets))
    rows: dict[str, list[float]] = {}
    for now, (target, face) in enumerate(zip(frames, faces, strict=True)):
        then = (now + steps[now]) % len(frames)
        copied = pictures.with_reference(target, face, frames[then], faces[then])
        (made,) = rendered(engine, [copied], [face], drive[now][None])
        for take, result in (("copied", copied), ("redrawn", made)):
            values = _compared(result, target, face, clip)
            if now % IDENTITY_EVERY == 0:
                apart = who(result, face) - who(target, face)
                values["identity"] = float(np.linalg.norm(apart))
            for name, value in values.items():
                rows.setdefault(f"{take} {name}", []).append(value)
    return {name: np.array(values) for name, values in rows.items()}


def _compared(made: np.ndarray, real: np.ndarray, face: Face, clip: Footage) -> dict[str, float]:
    """Likeness of one frame's mouth to the real one, in the frame and in the face at 96 pixels."""
    mouth = pictures.region(face.box, clip.mouth, real)
    small, small_real = (crop.crop(frame, face.box, roll=face.roll) for frame in (made, real))
    within = pictures.region(np.array([0, 0, crop.SIZE, crop.SIZE]), clip.mouth, small)
    return {
        "decibels": pictures.decibels(small[within], small_real[within]),
        "likeness": pictures.likeness(small, small_real, within),
        "full decibels": pictures.decibels(made[mouth], real[mouth]),
        "full likeness": pictures.likeness(made, real, mouth),
        "sharpness": pictures.sharpness(made[mouth]),
        "real sharpness": pictures.sharpness(real[mouth]),
    }
