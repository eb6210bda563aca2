"""How near a redrawn mouth comes to the real one, compared with the mouth of another frame.

A target frame gets the lower half of the face of another frame of the clip, the reference: that is
the condition `copied`. The checkpoint redraws that mouth from the target's true mouth shape, or,
if it takes none, from its sound: the condition `redrawn`. Both are compared with the target.

A checkpoint that is driven by mouth shapes redraws at 96 pixels as in training, from two crops. In
the frame, at its own resolution, every checkpoint redraws the copy.
"""

from fractions import Fraction

import numpy as np

from wav2lip.compact import crop
from wav2lip.engine import Engine
from wav2lip.evaluation import image_metrics
from wav2lip.evaluation.conditions import ShapeDriven, find_mouth, render, true_shapes
from wav2lip.evaluation.footage import FPS, Face, Footage, face_embedding
from wav2lip.evaluation.measure import Measurements

MAX_TARGETS = 40  # frames of a clip
IDENTITY_EVERY = 20  # targets


def measure_reconstruction(
    clip: Footage, closed_mouth: np.ndarray, engine: Engine, seed: int
) -> Measurements:
    """Measurements of the conditions `copied` and `redrawn`, of k targets spread over the clip.

    `closed_mouth` (8,) are the speaker's mouth lengths at rest; `seed` draws the references. For
    either condition (k,): `psnr` and `ssim` of the lips in crops of 96 pixels, `full psnr` and
    `full ssim` in the frame, `sharpness` there and `real sharpness` of the target; of every
    IDENTITY_EVERY-th target `identity`, the distance of its embedding.
    """
    shapes = true_shapes(clip, closed_mouth, engine)
    drive = engine.drive(clip.mel, 0, len(clip), Fraction(FPS)) if shapes is None else shapes
    targets = np.unique(np.linspace(0, len(clip) - 1, MAX_TARGETS).round().astype(int))
    frames, drive = clip.frames_at(targets.tolist()), drive[targets]
    faces = [clip.faces[target] for target in targets]
    # Any other of the targets, with equal probability.
    steps = np.random.default_rng(seed).integers(1, len(targets), len(targets))
    references = (np.arange(len(targets)) + steps) % len(targets)
    crops = np.stack([_crop(*each) for each in zip(frames, faces, strict=True)])
    measured: dict[str, list[float]] = {}

    def note(condition: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            measured.setdefault(f"{condition} {name}", []).append(value)

    for now, (target, face, of) in enumerate(zip(frames, faces, references, strict=True)):
        copied = image_metrics.copy_lower_face(target, face, frames[of], faces[of])
        mouth = find_mouth(engine, copied, face)
        (redrawn,) = render(engine, [copied], [face], drive[now][None], [mouth])
        redrawn_crop = _crop(redrawn, face)
        if isinstance(engine, ShapeDriven):
            (redrawn_crop,) = engine.redraw(crops[now][None], crops[of][None], drive[now][None])
        for condition, result, result_crop in (
            ("copied", copied, crops[of]),
            ("redrawn", redrawn, redrawn_crop),
        ):
            note(condition, _in_frame(result, target, face, clip))
            note(condition, _in_crop(result_crop, crops[now], clip))
            if now % IDENTITY_EVERY == 0:
                difference = face_embedding(result, face) - face_embedding(target, face)
                note(condition, {"identity": float(np.linalg.norm(difference))})
    return {name: np.array(values) for name, values in measured.items()}


def _crop(frame: np.ndarray, face: Face) -> np.ndarray:
    return crop.crop(frame, face.box, roll=face.roll)


def _in_crop(rendered: np.ndarray, real: np.ndarray, clip: Footage) -> dict[str, float]:
    whole = np.array([0, 0, crop.SIZE, crop.SIZE])
    mouth = image_metrics.pixel_region(whole, clip.lip_region, real)
    return {
        "psnr": image_metrics.psnr(rendered[mouth], real[mouth]),
        "ssim": image_metrics.ssim(rendered, real, mouth),
    }


def _in_frame(
    rendered: np.ndarray, real: np.ndarray, face: Face, clip: Footage
) -> dict[str, float]:
    mouth = image_metrics.pixel_region(face.box, clip.lip_region, real)
    return {
        "full psnr": image_metrics.psnr(rendered[mouth], real[mouth]),
        "full ssim": image_metrics.ssim(rendered, real, mouth),
        "sharpness": image_metrics.sharpness(rendered[mouth]),
        "real sharpness": image_metrics.sharpness(real[mouth]),
    }
