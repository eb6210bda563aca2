"""Face embeddings: 128 numbers that lie close together for pictures of one person.

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

# Raised whenever the same sample starts to give another embedding.
EMBEDDINGS_VERSION = 1
# What the network was trained on: upright faces, eyes level, with a quarter of margin.
CHIP_SIDE, CHIP_MARGIN = 150, 0.25

# One face in one frame: the index of the frame, the box, and the roll in degrees.
FaceSample = tuple[int, Box, float]
# Gives the embeddings (n, 128) float32 of n samples in the order of their frames.
Identity = Callable[[Sequence[FaceSample]], np.ndarray]


def embedding(frame: np.ndarray, box: Box, roll: float = 0.0) -> np.ndarray:
    """The embedding (128,) float32 of the face in `box`, rotated by `roll` degrees.

    `frame` is RGB uint8 (height, width, 3). The Euclidean distance of two embeddings is mostly
    below 0.45 for one person and mostly above 0.6 for two. Takes some 60 ms of one core, most of it
    in the network.
    """
    points = landmarks_in_fitted(frame, box, roll)
    x1, y1, x2, y2 = (round(side) for side in box)
    shape = dlib.full_object_detection(
        dlib.rectangle(x1, y1, x2, y2), [dlib.point(round(x), round(y)) for x, y in points.tolist()]
    )
    chip = dlib.get_face_chip(np.ascontiguousarray(frame), shape, CHIP_SIDE, CHIP_MARGIN)
    return np.array(_network().compute_face_descriptor(chip), np.float32)


def identity_from(read: Callable[[Sequence[int]], Iterable[np.ndarray]]) -> Identity:
    """An `Identity` that embeds faces of the frames which `read` gives.

    `read` is called once for all samples, with rising indices, and gives those frames, RGB uint8,
    in order.
    """

    def embed(samples: Sequence[FaceSample]) -> np.ndarray:
        by_frame = [(frame, list(here)) for frame, here in groupby(samples, key=itemgetter(0))]
        frames = read([frame for frame, _ in by_frame])
        found = [
            embedding(frame, box, roll)
            for frame, (_, here) in zip(frames, by_frame, strict=True)
            for _, box, roll in here
        ]
        return np.array(found, np.float32).reshape(-1, 128)

    return embed


@lru_cache(maxsize=1)
def _network() -> dlib.face_recognition_model_v1:
    # Importing face_recognition_models needs pkg_resources, which current setuptools lacks.
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("face_recognition_models is not installed: run `make setup`")
    folder = Path(spec.origin).parent / "models"
    return dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
