"""Frames are searched thoroughly where it matters, cheaply elsewhere, and nobody is lost by it."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, coffee, page

from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection, iou
from face_detection.stride import STRIDE, Strided, overlapping

NOSE = (226.0, 131.0)
LEAN = 44.0
UPRIGHT_FACE = (180.0, 76.0, 272.0, 187.0)


class Watched(CenterFaceDetector):
    """Remembers which searches of whole frames were thorough."""

    def __init__(self) -> None:
        super().__init__()
        self.searches: list[bool] = []

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        self.searches += [thorough for frame in frames if frame.shape[:2] == (300, 512)]
        return super().detect(frames, thorough)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def in_batches(detector: CenterFaceDetector, frames: list[np.ndarray]) -> list[list[Detection]]:
    strided = Strided(detector)
    found: list[list[Detection]] = []
    for batch in overlapping(frames, strided.batch_size):
        found += strided.detect(batch)[1 if found else 0 :]
    return found


def slide(at: int) -> np.ndarray:
    """A page of a book, with the noise of a camera."""
    text = cv2.resize(page(), (512, 300), interpolation=cv2.INTER_AREA)[..., None]
    noise = np.random.default_rng(at).normal(0, 3, (300, 512, 3))
    return np.rint(text + noise).clip(0, 255).astype(np.uint8)


def pan(at: int) -> np.ndarray:
    """A cup of coffee, along which a camera moves."""
    return np.ascontiguousarray(coffee()[at // 2 : at // 2 + 300, at // 2 : at // 2 + 512])


def head(lean: float, side: int) -> np.ndarray:
    turn = cv2.getRotationMatrix2D(NOSE, -lean, 1)
    turned = cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(turned[0:300, 76:376], (side, side), interpolation=cv2.INTER_AREA)


def pair(lean: float = LEAN) -> np.ndarray:
    """One who is upright, and beside her one who leans."""
    return np.hstack([head(0, 256), head(lean, 256)])


def test_a_slide_is_searched_once_in_a_while(watched: Watched) -> None:
    assert in_batches(watched, [slide(at) for at in range(121)]) == [[]] * 121
    assert watched.searches == [True, True, True]


def test_whoever_turns_up_on_a_slide_is_seen(watched: Watched) -> None:
    frames = [slide(at) for at in range(25)]
    for frame in frames[11:]:
        frame[25:275, 250:500] = head(0, 250)
    found = in_batches(watched, frames)
    assert [len(faces) for faces in found] == [0] * 11 + [1] * 14


def test_a_moving_picture_of_nobody_is_searched_cheaply(watched: Watched) -> None:
    assert in_batches(watched, [pan(at) for at in range(97)]) == [[]] * 97
    assert len(watched.searches) == 96 // STRIDE + 1
    assert sum(watched.searches) <= 3


def test_a_small_face_that_comes_within_a_shot_is_found_within_a_second() -> None:
    before = cv2.resize(pan(0), (1024, 600))
    after = before.copy()
    after[80:176, 60:156] = head(0, 96)
    found = in_batches(CenterFaceDetector(), [before] * 2 + [after] * 47)
    assert [len(faces) for faces in found[:2]] == [0, 0]
    assert [len(faces) for faces in found[27:]] == [1] * 22


@pytest.mark.parametrize("lean", [-45, LEAN])
@pytest.mark.parametrize("still", [False, True])
def test_who_leans_is_found_beside_who_does_not(lean: float, still: bool) -> None:
    [faces] = CenterFaceDetector(still=still).detect([pair(lean)])
    upright, leaning = sorted(faces, key=lambda face: face.x1)
    assert upright.roll == 0
    assert leaning.roll == pytest.approx(lean + 3, abs=3)
    half = 256 / 300
    truth = [(side - left) * half for side, left in zip(UPRIGHT_FACE, (76, 0) * 2, strict=True)]
    assert iou(upright.box, tuple(truth)) > 0.9  # type: ignore[arg-type]


def test_who_leans_from_the_start_is_there_in_every_frame() -> None:
    frames = [np.roll(pair(), (at // 2, at), axis=(0, 1)) for at in range(33)]
    found = in_batches(CenterFaceDetector(), frames)
    assert [len(faces) for faces in found] == [2] * 33
    assert all(max(face.roll for face in faces) > 40 for faces in found)


def test_who_comes_leaning_after_a_cut_is_there_from_the_first_frame(watched: Watched) -> None:
    shot = [pan(0)] * 11 + [cv2.resize(pair(), (512, 300))] * 14
    found = in_batches(watched, shot)
    assert [len(faces) for faces in found] == [0] * 11 + [2] * 14
