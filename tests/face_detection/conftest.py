"""Scenes played by people made from one photograph: who is where in every frame is known.

Cut out of the photograph and bent at the nose, a head becomes one that is told from the others as
surely as two people are; mirrored, it becomes a twin whom nothing but motion tells from it.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import ModuleType

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Box, Detection
from face_detection.identity import identity_from
from face_detection.persons import Person, link
from face_detection.shots import cuts, signature

WIDTH, HEIGHT = 360, 200
# Where the head is in the photograph: left, top, side; and its nose, from there.
LEFT, TOP, SIDE = 90, 0, 260
NOSE = (136.0, 135.0)
# In less light than this share nobody needs to be seen.
CLEAR = 0.5
# How far the pixels around the nose are drawn to it or pushed from it.
BENDS = {"anna": 0.0, "twin": 0.0, "berta": 0.9, "clara": -0.8}

# Where an actor stands: the centre of the face and its height, or None while away.
Stand = tuple[float, float, float] | None


@dataclass(frozen=True)
class Scene:
    """`stands` says where each actor is in each frame; who comes later stands in front.

    `wall` is the number of the wall behind them.
    """

    length: int
    stands: dict[str, Callable[[int], Stand]]
    wall: int = 0

    def frame(self, at: int) -> np.ndarray:
        picture = _wall(self.wall)
        for name, stand in self.stands.items():
            if place := stand(at):
                picture = _drawn(picture, name, place)
        return picture

    def visible(self, at: int) -> dict[str, Box]:
        """The face boxes of the actors whom nobody hides and no border cuts in this frame."""
        boxes: dict[str, Box] = {}
        for name, stand in self.stands.items():
            if place := stand(at):
                box = face_box(name, place)
                # The head in front reaches further than its face.
                x, y, height = place
                front = (x - 0.6 * height, y - 0.8 * height, x + 0.6 * height, y + 0.7 * height)
                boxes = {other: seen for other, seen in boxes.items() if not _overlap(seen, front)}
                if box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= HEIGHT:
                    boxes[name] = box
        return boxes


def face_box(name: str, place: tuple[float, float, float]) -> Box:
    x, y, height = place
    x1, y1, x2, y2 = _face(name)
    scale = height / (y2 - y1)
    half = (x2 - x1) * scale / 2
    return x - half, y - height / 2, x + half, y + height / 2


class Film:
    """Scenes one after another, with everything that is found in them."""

    def __init__(self, frames: Sequence[np.ndarray], truth: Sequence[dict[str, Box]]) -> None:
        self.frames, self.truth = frames, truth
        self.cuts = cuts(np.array([signature(frame) for frame in frames]))
        self.detections: list[list[Detection]] = _detector().detect(frames, thorough=False)
        self.identity = identity_from(lambda indices: [frames[i] for i in indices])

    @cached_property
    def persons(self) -> list[Person]:
        return link(self.detections, cuts=self.cuts, identity=self.identity)


def film(*scenes: Scene) -> Film:
    shots = [(scene, at) for scene in scenes for at in range(scene.length)]
    return Film([s.frame(at) for s, at in shots], [s.visible(at) for s, at in shots])


def dissolve(before: Scene, after: Scene, length: int) -> Film:
    """One scene turning into the other; while it does nobody's place is known for sure."""
    turns = np.linspace(0, 1, length + 2)[1:-1]
    last, first = before.length - length, length
    mixed = [
        cv2.addWeighted(before.frame(last + i), 1 - share, after.frame(i), share, 0)
        for i, share in enumerate(turns.tolist())
    ]
    frames = [
        *map(before.frame, range(last)),
        *mixed,
        *map(after.frame, range(first, after.length)),
    ]
    truth = [
        *map(before.visible, range(last)),
        *({} for _ in mixed),
        *map(after.visible, range(first, after.length)),
    ]
    return Film(frames, truth)


def fade(before: Scene, after: Scene, length: int) -> Film:
    """One scene going dark and the next coming out of the dark, each in `length` frames."""
    light = np.linspace(1, 0, length + 2)[1:-1].tolist()
    dimmed = [
        *((before, before.length - length + i, share) for i, share in enumerate(light)),
        *((after, i, share) for i, share in enumerate(reversed(light))),
    ]
    whole = before.length - length
    frames = [
        *map(before.frame, range(whole)),
        *((scene.frame(at) * share).astype(np.uint8) for scene, at, share in dimmed),
        *map(after.frame, range(length, after.length)),
    ]
    truth = [
        *map(before.visible, range(whole)),
        *(scene.visible(at) if share > CLEAR else {} for scene, at, share in dimmed),
        *map(after.visible, range(length, after.length)),
    ]
    return Film(frames, truth)


@lru_cache(maxsize=1)
def _detector() -> CenterFaceDetector:
    return CenterFaceDetector()


@lru_cache(maxsize=4)
def _wall(number: int) -> np.ndarray:
    light = np.linspace(90, 170, WIDTH)[None, :, None] + np.linspace(0, 40, HEIGHT)[:, None, None]
    light = np.roll(light, number * WIDTH // 3, axis=1)
    stripes = 12 * np.sin(np.arange(WIDTH) / (9 + 7 * number))[None, :, None]
    return (light + stripes * (1, 0.6, -1)).astype(np.uint8)


@lru_cache(maxsize=4)
def _head(name: str) -> np.ndarray:
    head = astronaut()[TOP : TOP + SIDE, LEFT : LEFT + SIDE]
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    dx, dy = x - NOSE[0], y - NOSE[1]
    pull = 1 - BENDS[name] * np.clip(1 - np.hypot(dx, dy) / 60, 0, 1) ** 2
    bent = cv2.remap(
        head,
        (NOSE[0] + dx * pull).astype(np.float32),
        (NOSE[1] + dy * pull).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    return np.ascontiguousarray(bent[:, ::-1] if name == "twin" else bent)


@lru_cache(maxsize=4)
def _face(name: str) -> Box:
    [[face]] = CenterFaceDetector().detect([_head(name)])
    return face.box


@lru_cache(maxsize=4)
def _outline(name: str) -> np.ndarray:
    x1, y1, x2, y2 = _face(name)
    middle, axes = (round((x1 + x2) / 2), round((y1 + y2) / 2) - 8), (62, 82)
    mask = cv2.ellipse(np.zeros((SIDE, SIDE), np.float32), middle, axes, 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 2)


def _drawn(picture: np.ndarray, name: str, place: tuple[float, float, float]) -> np.ndarray:
    x, y, height = place
    x1, y1, x2, y2 = _face(name)
    scale = height / (y2 - y1)
    move = np.array([[scale, 0, x - scale * (x1 + x2) / 2], [0, scale, y - scale * (y1 + y2) / 2]])
    smooth = cv2.GaussianBlur(_head(name), (0, 0), 0.4 / scale)
    head = cv2.warpAffine(smooth, move, (WIDTH, HEIGHT))
    mask = cv2.warpAffine(_outline(name), move, (WIDTH, HEIGHT))[..., None]
    return np.rint(picture * (1 - mask) + head * mask).astype(np.uint8)


def _overlap(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    """This module, for tests that put their own scenes together."""
    return sys.modules[__name__]
