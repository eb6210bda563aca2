"""A drawn mouth enters its frame below the middle of the box, and nowhere else."""

import cv2
import numpy as np
import pytest
from skimage import data

from wav2lip.compositing import crop_face, paste

FACE = np.array([160.0, 60.0, 290.0, 200.0])
WHITE = np.full((96, 96, 3), 255, np.uint8)


@pytest.fixture
def frame() -> np.ndarray:
    return data.astronaut()


def drawn_over(frame: np.ndarray) -> np.ndarray:
    """The face as a generator sees it, to be drawn on."""
    return crop_face(frame, FACE, 96).copy()


def changed(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return rows, columns


def test_only_the_lower_half_of_the_box_changes(frame: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    rows, columns = changed(frame, paste(frame, noise, FACE))
    assert rows.min() >= 130
    assert rows.max() < 200
    assert columns.min() >= 160
    assert columns.max() < 290


def test_the_mouth_itself_is_the_drawn_one(frame: np.ndarray) -> None:
    drawn = drawn_over(frame)
    drawn[60:80, 30:66] = (90, 20, 30)
    assert np.abs(paste(frame, drawn, FACE)[150:174, 204:246] - (90.0, 20, 30)).max() <= 4


@pytest.mark.parametrize("roll", [0.0, 30.0])
def test_a_face_drawn_in_another_light_shows_in_that_of_the_frame(
    frame: np.ndarray, roll: float
) -> None:
    light = np.linspace(0.6, 0.8, 96)[:, None, None] * (1.05, 0.95, 0.9)
    darker = (crop_face(frame, FACE, 96, roll) * light).astype(np.uint8)
    mouth = slice(140, 190), slice(185, 265)
    hard, soft = (
        cv2.GaussianBlur(paste(frame, darker, FACE, blend, roll).astype(float) - frame, (0, 0), 6)
        for blend in (False, True)
    )
    assert np.abs(soft[mouth]).mean() < np.abs(hard[mouth]).mean() / 6


def test_no_edge_shows(frame: np.ndarray) -> None:
    """A quarter of the way from rim to mouth the drawing is not yet another picture."""
    black = np.zeros_like(frame)
    out = paste(black, WHITE, FACE).astype(int)
    assert np.abs(np.diff(out, axis=0)).max() < 10
    assert np.abs(np.diff(out, axis=1)).max() < 10


def test_unblended_the_whole_box_is_replaced(frame: np.ndarray) -> None:
    out = paste(frame, WHITE, FACE, blend=False)
    assert (out[60:200, 160:290] == 255).all()
    rows, columns = changed(frame, out)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 199, 160, 289)


def test_the_frame_given_is_never_written_to(frame: np.ndarray) -> None:
    before = frame.copy()
    frame.flags.writeable = False
    for blend in (True, False):
        assert paste(frame, WHITE, FACE, blend) is not frame
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("blend", [True, False])
@pytest.mark.parametrize(
    "box",
    [
        [-40.0, -30.0, 60.5, 80.2],
        [450.0, 430.0, 600.0, 600.0],
        [10.2, 10.2, 11.9, 12.6],  # a few pixels
    ],
)
def test_a_box_beyond_the_frame_or_tiny_is_pasted_as_far_as_it_goes(
    frame: np.ndarray, box: list[float], blend: bool
) -> None:
    out = paste(frame, WHITE, np.array(box), blend)
    assert out.shape == frame.shape
    assert (out != frame).any()


@pytest.mark.parametrize("box", [[600.0, 0.0, 700.0, 90.0], [50.0, 50.0, 50.0, 90.0]])
def test_a_box_without_a_pixel_changes_nothing(frame: np.ndarray, box: list[float]) -> None:
    np.testing.assert_array_equal(paste(frame, WHITE, np.array(box)), frame)
