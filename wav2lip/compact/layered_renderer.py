"""Mouths that show their teeth, rendered in layers, and how much a frame is rendered that way."""

import hashlib
from collections import OrderedDict
from threading import Lock

import numpy as np

from wav2lip.compact import layer_compositing, layered_mouth, lip_contours, lip_motion
from wav2lip.compact.layered_mouth import Mouth
from wav2lip.compact.lip_contours import FaceCrop

# Mouths are analysed once for all frames that show the same; this many are kept.
CACHE_SIZE = 16
# In face units. Only inner lips whose landmarks are further apart may show teeth. Points whose
# middle is as far from that of the box, or whose mouth is as narrow, are no landmarks of its face.
LEAST_OPENING, MISPLACED, LEAST_WIDTH = 2.0, 40.0, 20.0
# A face seen from the side is no matter of columns: the distance from the nose to the nearer eye's
# outer corner, as a fraction of that to the other, from which a face is too much of a profile, and
# from which it is frontal.
PROFILE = (0.30, 0.45)


class LayeredRenderer:
    """Finds mouths that show teeth, and keeps the last of them. Threads may use one together."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Mouth] = OrderedDict()
        self._lock = Lock()

    def find(
        self, frame: np.ndarray, box: np.ndarray, roll: float, points: np.ndarray
    ) -> tuple[Mouth | None, float]:
        """The mouth of the face with 68 `points` (68, 2), and its weight 0..1 in the result.

        The weight is 0, and the mouth None, where no teeth are to be seen, in profiles, and where
        there are no points (NaN); it changes smoothly between that and a toothy smile.
        """
        to_face = lip_contours.to_face(box, roll)
        face = lip_contours.on_face(points, to_face)
        if not np.isfinite(face).all() or not _plausible(face, lip_contours.sides(box)):
            return None, 0.0
        weight = frontality(face)
        if not weight:
            return None, 0.0
        face_crop = FaceCrop.of(frame, box, roll)
        content = (face_crop.rgb.tobytes(), to_face.tobytes(), points.astype(np.float32).tobytes())
        key = hashlib.blake2b(b"".join(content)).digest()
        with self._lock:
            mouth = self._known.get(key)
        if mouth is None:
            mouth = Mouth.analyse(face_crop, to_face, points)
            with self._lock:
                self._known[key] = mouth
                while len(self._known) > CACHE_SIZE:
                    self._known.popitem(last=False)
        weight *= mouth.teeth.shown
        return (mouth, weight) if weight else (None, 0.0)


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
