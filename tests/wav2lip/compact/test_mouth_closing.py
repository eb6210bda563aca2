"""A mouth that moves by itself is brought to rest before the voice moves it."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut

import wav2lip
from face_detection.centerface import CenterFaceDetector
from face_detection.landmarks import landmarks_in_fitted
from wav2lip.compact import mouth_closing, mouth_shape
from wav2lip.compact.engine import CompactEngine


@pytest.fixture(scope="module")
def engine() -> CompactEngine:
    engine = wav2lip.load("compact", precision="fp32")
    assert isinstance(engine, CompactEngine)
    return engine


@pytest.fixture(scope="module")
def box() -> np.ndarray:
    ((detection,),) = CenterFaceDetector().detect([astronaut()])
    return np.array(detection.box, np.float64)


def shapes(*openings: float) -> np.ndarray:
    """Mouths opened by so much, their lower lips and chins with them."""
    made = np.zeros((len(openings), mouth_shape.COUNT), np.float32)
    made[:, [0, 1, 5, 6]] = np.array(openings, np.float32)[:, None]
    return made


def opening(frames: list[np.ndarray], box: np.ndarray) -> np.ndarray:
    points = np.stack([landmarks_in_fitted(frame, box) for frame in frames])
    return mouth_shape.measure(points)[:, mouth_shape.OPENING]


def test_who_is_to_be_silent_is_closed_whatever_the_video_shows(
    engine: CompactEngine, box: np.ndarray
) -> None:
    boxes = np.tile(box, (5, 1))
    spoken = engine.render([astronaut()] * 5, boxes, shapes(0, 0.5, 1, 2, 3))
    own = opening(spoken, box)
    assert own.std() > 0.04
    silent = shapes(0, 0, 0, 0, 0)
    left = opening(engine.render(spoken, boxes, silent), box)
    settled = opening(engine.render(spoken, boxes, silent, moving=True), box)
    assert settled.std() < 0.6 * left.std()


def test_wide_mouths_and_stills_are_drawn_as_ever(engine: CompactEngine, box: np.ndarray) -> None:
    frames, boxes = [astronaut()] * 2, np.tile(box, (2, 1))
    wide = shapes(1.5, 3)
    once = engine.render(frames, boxes, wide)
    again = engine.render(frames, boxes, wide, moving=True)
    assert all((a == b).all() for a, b in zip(once, again, strict=True))


def test_a_frame_is_drawn_alike_alone_and_among_others(
    engine: CompactEngine, box: np.ndarray
) -> None:
    frames = [astronaut(), astronaut()[:, ::-1].copy(), astronaut()]
    boxes, wanted = np.tile(box, (3, 1)), shapes(0.2, 2, 0.7)
    together = engine.render(frames, boxes, wanted, moving=True)
    for at in range(3):
        one = slice(at, at + 1)
        (alone,) = engine.render(frames[one], boxes[one], wanted[one], moving=True)
        assert np.abs(alone.astype(int) - together[at]).max() <= 1


def test_the_less_a_mouth_opens_the_more_it_is_closed_first() -> None:
    weights = mouth_closing.closing_weight(torch.from_numpy(shapes(-1, 0, 0.25, 1, 4)))
    assert weights.tolist() == [1, 1, 0.75, 0, 0]
