"""Mouths that show their teeth, rendered in layers, and how much a frame is rendered that way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from wav2lip.compact import layer_compositing, layered_mouth, lip_contours, lip_motion
from wav2lip.compact.layered_mouth import Mouth

# In face units. Only inner lips whose landmarks are further apart may show teeth. Points whose
# middle is as far from that of the box, or whose mouth is as narrow, are no landmarks of its face.
LEAST_OPENING, MISPLACED, LEAST_WIDTH = 2.0, 40.0, 20.0
# A face seen from the side is no matter of columns: the distance from the nose to the nearer eye's
# outer corner, as a fraction of that to the other, from which a face is too much of a profile, and
# from which it is frontal.
PROFILE = (0.30, 0.45)
# In a video the weight of the layers rises and falls over twice so many frames.
HANDOVER = 3


@dataclass(frozen=True)
class SourceMouth:
    """A mouth that can be moved in layers, and the weight, above 0 to 1, of that in the result."""

    mouth: Mouth
    weight: float


class LayeredMouthFinder:
    """The `wav2lip.engine.MouthFinder` of mouths that show teeth."""

    reach = 2 * HANDOVER

    def find(
        self, frame: np.ndarray, box: np.ndarray, roll: float, landmarks: np.ndarray
    ) -> SourceMouth | None:
        """The mouth of the face with 68 `landmarks` (68, 2).

        It is None where no teeth are to be seen, in profiles, and where there are no landmarks
        (NaN); the weight changes smoothly between that and a toothy smile.
        """
        to_face = lip_contours.to_face(box, roll)
        points = lip_contours.on_face(landmarks, to_face)
        sides = lip_contours.sides(box)
        if not np.isfinite(points).all() or not _plausible(points, sides):
            return None
        frontal = frontality(points)
        if not frontal:
            return None
        mouth = Mouth.analyse(frame, box, roll, points)
        weight = 0.0 if mouth is None else frontal * mouth.teeth.shown
        return SourceMouth(mouth, weight) if mouth is not None and weight else None

    def steadied(self, found: Sequence[SourceMouth | None]) -> list[SourceMouth | None]:
        """The mouths of consecutive frames with weights that change by less than HANDOVER allows.

        Only teeth that are seen for a while are moved in layers: the weight is the mean, over the
        frames around, of the least weight around each of them, and 0 where it was 0.
        """
        own = np.array([0.0 if each is None else each.weight for each in found])
        lasting = np.min(_shifted(own), axis=0)
        # Added up in the same order everywhere, so that no bit depends on which frames are asked.
        weights = reduce(np.add, _shifted(lasting)) / (2 * HANDOVER + 1)
        return [
            None if mouth is None or not weight else replace(mouth, weight=float(weight))
            for mouth, weight in zip(found, weights, strict=True)
        ]


def render(
    frame: np.ndarray, mouth: Mouth, lengths: np.ndarray, speaking: float, smile: float
) -> np.ndarray:
    """A copy of `frame` with `mouth` moved by `lengths` (8,); see `lip_motion.spoken`."""
    if not speaking:
        return frame.copy()
    motion = lip_motion.spoken(mouth.lips, lengths, speaking, smile)
    return layer_compositing.composed(frame, mouth, layered_mouth.layers(mouth, motion))


def frontality(points: np.ndarray) -> float:
    """1 for a face seen from the front, 0 for a profile: from its 68 points (68, 2)."""
    across = points[45] - points[36]
    width = float(np.linalg.norm(across))
    if not width > 0:
        return 0.0
    left = float((points[30] - points[36]) @ across) / width
    right = width - left
    ratio = min(left, right) / max(left, right, 1e-6)
    x = float(np.clip((ratio - PROFILE[0]) / (PROFILE[1] - PROFILE[0]), 0, 1))
    return x * x * (3 - 2 * x)


def _plausible(face: np.ndarray, sides: tuple[float, float]) -> bool:
    """Whether points in face units are those of a face between `sides` whose mouth is open."""
    off = np.linalg.norm(face[[36, 45, 48, 54]].mean(0) - lip_contours.UNITS / 2)
    opening = np.linalg.norm(face[[65, 66, 67]] - face[[63, 62, 61]], axis=1).mean()
    x, y = face[48:].T
    inside = x.min() > sides[0] and x.max() < sides[1] and y.max() < lip_contours.UNITS
    wide = x[6] - x[0] > LEAST_WIDTH
    return bool(off < MISPLACED and opening > LEAST_OPENING and inside and wide)


def _shifted(values: np.ndarray) -> list[np.ndarray]:
    """`values` (n,) shifted by -HANDOVER to HANDOVER frames, the ends repeated."""
    padded = np.pad(values, HANDOVER, mode="edge")
    return [padded[by : by + len(values)] for by in range(2 * HANDOVER + 1)]
