"""Faces in memory for the renderer: pairs of frames of many persons, both augmented alike."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from wav2lip.compact import crop
from wav2lip.training import dataset
from wav2lip.training.batches import BatchSampler, TensorBatch

STORED = 128  # pixels of the crops that prepare writes: 96 and a margin of 16 on every side
# Augmentation, at most: parts of the crop, and radians.
SCALE, SHIFT, TURN = 0.08, 0.04, 0.12
CANDIDATES = 12
LIKE_POSE = 0.6
INNER_LIPS = slice(60, 68)
# Pixels from the landmarks of the inner lips within which lips and teeth meet.
LIP_EDGE = 2

# Mirroring a face swaps the sides of its points.
MIRRORED = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


@dataclass(frozen=True)
class Faces:
    """Frames of many clips end to end."""

    crops: np.ndarray  # (n, 128, 128, 3) RGB uint8
    points: np.ndarray  # (n, 68, 2) pixels of the stored crops
    shape: np.ndarray  # (n, 8) mouth shapes
    rest: np.ndarray  # (n, 8) the person's rest in units of mouth shape, less everybody's mean
    begin: np.ndarray  # (n,) first frame of the clip a frame belongs to
    end: np.ndarray  # (n,) one past its last
    cdf: np.ndarray  # (n,) cumulative probability of being drawn


@dataclass(frozen=True)
class Batch(TensorBatch):
    """Pairs of frames of one person: colours in -1..1, points in pixels of the 96-pixel crop."""

    target: Tensor  # (n, 3, 96, 96)
    reference: Tensor  # (n, 3, 96, 96)
    points: Tensor  # (n, 68, 2) of the target
    shape: Tensor  # (n, 8) of the target
    reference_shape: Tensor  # (n, 8)
    rest: Tensor  # (n, 8) of the person
    inside: Tensor  # (n, 1, 96, 96) 1 between the lips of either picture, 0 elsewhere


@dataclass(frozen=True)
class PairSampler(BatchSampler[Batch]):
    """`count` random pairs; where `driven`, every other batch pairs frames with themselves."""

    faces: Faces
    count: int
    driven: bool = False

    def sample(self, step: int, rng: np.random.Generator) -> Batch:
        return sample_pairs(self.faces, rng, self.count, same=self.driven and step % 2 == 1)


def gather(clips: list[dataset.Clip], unit: np.ndarray, most: int) -> Faces:
    """At most `most` frames of a person, evenly spread over their clips."""
    frames: dict[str, int] = {}
    for clip in clips:
        frames[clip.person] = frames.get(clip.person, 0) + len(clip.raw)
    kept = []
    for clip in clips:
        every = max(1, -(-frames[clip.person] // most))
        # Short clips keep a few frames at least, to be each other's references.
        every = min(every, max(1, len(clip.raw) // 4))
        kept.append(np.arange(0, len(clip.raw), every))
    total = sum(len(index) for index in kept)
    crops = np.empty((total, STORED, STORED, 3), np.uint8)
    starts = np.cumsum([0, *(len(index) for index in kept)])
    for clip, index, start in zip(clips, kept, starts, strict=False):
        crops[start : start + len(index)] = clip.crops()[index]
    shape = np.concatenate([(c.raw[i] - c.rest) / unit for c, i in _zip(clips, kept)])
    weight = np.concatenate(
        [np.full(len(i), frames[c.person] ** 0.5) for c, i in _zip(clips, kept)]
    )
    person = np.concatenate([np.full(len(i), c.person) for c, i in _zip(clips, kept)])
    # Wide and narrow, open and pressed mouths are rare, and the hard ones.
    rare = 0.5 + np.abs(shape).clip(max=3).mean(1)
    _, inverse = np.unique(person, return_inverse=True)
    cdf = np.cumsum(weight * rare / np.bincount(inverse, rare)[inverse])
    lengths = [len(index) for index in kept]
    rests = np.concatenate([np.tile(c.rest / unit, (len(i), 1)) for c, i in _zip(clips, kept)])
    return Faces(
        crops=crops,
        points=np.concatenate([c.points[i] for c, i in _zip(clips, kept)]),
        shape=shape,
        rest=rests - rests.mean(0),
        begin=np.repeat(starts[:-1], lengths),
        end=np.repeat(starts[1:], lengths),
        cdf=cdf / cdf[-1],
    )


def sample_pairs(faces: Faces, rng: np.random.Generator, count: int, same: bool = False) -> Batch:
    """`count` random pairs, augmented; `same` makes every reference its target."""
    target = np.searchsorted(faces.cdf, rng.random(count)).clip(max=len(faces.shape) - 1)
    reference = target if same else np.array([_reference(faces, i, rng) for i in target])
    pictures, points, inside = [], [], []
    shapes = [faces.shape[target], faces.shape[reference]]
    for pair in zip(target, reference, strict=True):
        matrix, mirrored = _placement(rng), bool(rng.random() < 0.5)
        pictures.append([_placed(faces.crops[i], matrix, mirrored) for i in pair])
        placed = [_placed_points(faces.points[i], matrix, mirrored) for i in pair]
        points.append(placed[0])
        inside.append(_inside(placed))
    both = torch.from_numpy(np.array(pictures)).permute(1, 0, 4, 2, 3).float() / 127.5 - 1
    both = _color_jitter(both, rng)
    return Batch(
        target=both[0].contiguous(memory_format=torch.channels_last),
        reference=both[1].contiguous(memory_format=torch.channels_last),
        points=torch.from_numpy(np.array(points, np.float32)),
        shape=torch.from_numpy(shapes[0].clip(-4, 4).astype(np.float32)),
        reference_shape=torch.from_numpy(shapes[1].clip(-4, 4).astype(np.float32)),
        rest=torch.from_numpy(faces.rest[target].astype(np.float32)),
        inside=torch.from_numpy(np.array(inside, np.float32))[:, None],
    )


def _zip(clips: list[dataset.Clip], kept: list[np.ndarray]) -> zip:
    return zip(clips, kept, strict=True)


def _reference(faces: Faces, target: int, rng: np.random.Generator) -> int:
    """Another frame of the clip: often of like pose and unlike mouth, else any."""
    candidates = rng.integers(faces.begin[target], faces.end[target], CANDIDATES)
    if rng.random() > LIKE_POSE:
        return int(candidates[0])
    upper = slice(17, 48)
    apart = np.abs(faces.points[candidates, upper] - faces.points[target, upper]).mean((1, 2))
    unlike = np.abs(faces.shape[candidates] - faces.shape[target]).clip(max=3).mean(1)
    return int(candidates[np.argmin(apart - 1.5 * unlike)])


def _placement(rng: np.random.Generator) -> np.ndarray:
    """From the stored crop to the 96-pixel one: turned, scaled and shifted a little."""
    angle, scale = rng.uniform(-TURN, TURN), 1 + rng.uniform(-SCALE, SCALE)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    shift = rng.uniform(-SHIFT, SHIFT, 2) * crop.SIZE
    linear = np.array([[cosine, sine], [-sine, cosine]])
    offset = crop.SIZE / 2 + shift - linear @ np.full(2, STORED / 2)
    return np.concatenate((linear, offset[:, None]), 1)


def _placed(picture: np.ndarray, matrix: np.ndarray, mirrored: bool) -> np.ndarray:
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (crop.SIZE, crop.SIZE)
    placed = cv2.warpAffine(picture, centred, size, borderMode=cv2.BORDER_REPLICATE)
    return placed[:, ::-1] if mirrored else placed


def _placed_points(points: np.ndarray, matrix: np.ndarray, mirrored: bool) -> np.ndarray:
    placed = points @ matrix[:, :2].T + matrix[:, 2]
    if mirrored:
        placed = placed[MIRRORED] * (-1, 1) + (crop.SIZE, 0)
    return placed


def _inside(placed: list[np.ndarray]) -> np.ndarray:
    """Where the inside of the mouth shows in any of some pictures, (96, 96) in 0..1."""
    mask = np.zeros((crop.SIZE, crop.SIZE), np.uint8)
    for points in placed:
        outline = np.rint(points[INNER_LIPS]).astype(np.int32)
        cv2.fillPoly(mask, [outline], 1)
    size = 2 * LIP_EDGE + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))


def _color_jitter(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Pairs (2, n, 3, h, w) in -1..1 under another light, the same for both of a pair."""
    n = pictures.shape[1]

    def uniform(low: float, high: float, channels: int) -> Tensor:
        values = rng.uniform(low, high, (1, n, channels, 1, 1)).astype(np.float32)
        return torch.from_numpy(values)

    light = (pictures / 2 + 0.5).clamp(0, 1) ** uniform(0.75, 1.3, 1)
    light = (light - 0.5) * uniform(0.8, 1.15, 1) + 0.5 + uniform(-0.08, 0.08, 1)
    grey = light.mean(2, keepdim=True)
    light = grey + (light - grey) * uniform(0.6, 1.3, 1)
    return ((light * uniform(0.93, 1.07, 3)).clamp(0, 1) - 0.5) * 2
