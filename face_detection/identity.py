"""Who a face is: 128 numbers that lie close together for pictures of one person.

The network is dlib's (a ResNet after He et al., 2016, trained by King, 2017, to bring the faces of
one person within 0.6 of each other); its file ships in the `face_recognition_models` package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import dlib
import numpy as np

from face_detection.detection import Box
from face_detection.landmarks import landmarks_in_fitted

# Raised whenever the same look starts to give another embedding.
EMBEDDINGS_VERSION = 1
# What the network was trained on: upright faces, eyes level, with a quarter of margin.
CHIP_SIDE, CHIP_MARGIN = 150, 0.25

# One look at one face: in which frame, where in it, and its roll.
Look = tuple[int, Box, float]
# Gives the embeddings (n, 128) float32 of n looks, whose frames never fall.
Identity = Callable[[Sequence[Look]], np.ndarray]


def embedding(frame: np.ndarray, box: Box, roll: float = 0.0) -> np.ndarray:
    """The (128,) float32 embedding of the face in `box`, turned by `roll`, of a uint8 `frame`.

    The Euclidean distance of two embeddings is mostly below 0.45 for one person and mostly above
    0.6 for two. Takes some 60 ms of one core, most of it in the network.
    """
    points = landmarks_in_fitted(frame, box, roll)
    x1, y1, x2, y2 = (round(side) for side in box)
    shape = dlib.full_object_detection(
        dlib.rectangle(x1, y1, x2, y2), [dlib.point(round(x), round(y)) for x, y in points.tolist()]
    )
    chip = dlib.get_face_chip(np.ascontiguousarray(frame), shape, CHIP_SIDE, CHIP_MARGIN)
    return np.array(_network().compute_face_descriptor(chip), np.float32)


def identity_from(read: Callable[[Sequence[int]], Iterable[np.ndarray]]) -> Identity:
    """An `Identity` that looks into the frames which `read` gives.

    `read` is called once for all looks, with indices that rise, and gives those frames in order.
    """

    def look(looks: Sequence[Look]) -> np.ndarray:
        by_frame = [(frame, list(here)) for frame, here in groupby(looks, key=itemgetter(0))]
        frames = read([frame for frame, _ in by_frame])
        found = [
            embedding(frame, box, roll)
            for frame, (_, here) in zip(frames, by_frame, strict=True)
            for _, box, roll in here
        ]
        return np.array(found, np.float32).reshape(-1, 128)

    return look


@lru_cache(maxsize=1)
def _network() -> dlib.face_recognition_model_v1:
    # Importing face_recognition_models needs pkg_resources, which current setuptools lacks.
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("face_recognition_models is not installed: run `make setup`")
    folder = Path(spec.origin).parent / "models"
    return dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
