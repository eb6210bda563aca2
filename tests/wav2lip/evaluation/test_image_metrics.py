"""Likeness, sharpness and change, on the astronaut."""

import cv2
import numpy as np
import pytest
import skimage.data

from wav2lip.evaluation import image_metrics
from wav2lip.evaluation.footage import Face

BOX = np.array([170.0, 60.0, 270.0, 180.0])
FACE = Face(BOX, 0.0)
MOUTH = (0.3, 0.6, 0.7, 0.8)


@pytest.fixture
def face() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.astronaut()[:260, 90:350])


def test_a_perfect_copy_is_as_near_as_whole_levels_can_tell(face: np.ndarray) -> None:
    where = image_metrics.pixel_region(BOX, MOUTH, face)
    assert image_metrics.psnr(face, face.copy()) == pytest.approx(58.92, abs=0.01)
    assert image_metrics.ssim(face, face.copy(), where) == pytest.approx(1)


def test_noise_costs_what_its_size_says(face: np.ndarray) -> None:
    grey = np.full_like(face, 128)
    noise = np.random.default_rng(0).normal(0, 10, face.shape)
    noisy = (grey + noise).round().astype(np.uint8)
    assert image_metrics.psnr(noisy, grey) == pytest.approx(20 * np.log10(255 / 10), abs=0.1)


def test_likeness_looks_where_it_is_told(face: np.ndarray) -> None:
    rows, columns = image_metrics.pixel_region(BOX, MOUTH, face)
    assert (rows, columns) == (slice(132, 156), slice(196, 244))
    broken = face.copy()
    broken[:100] = 0
    assert image_metrics.ssim(broken, face, (rows, columns)) == pytest.approx(1)
    broken[rows, columns] = 0
    assert image_metrics.ssim(broken, face, (rows, columns)) < 0.2


def test_a_blurred_picture_is_less_sharp(face: np.ndarray) -> None:
    blurred = cv2.GaussianBlur(face, (0, 0), 1.5)
    assert image_metrics.sharpness(blurred) < 0.2 * image_metrics.sharpness(face)


def test_a_lower_face_may_change_and_nothing_else(face: np.ndarray) -> None:
    made = face.copy()
    made[125:175, 175:265] = 0
    assert image_metrics.change_outside_mouth(made, face, FACE) == 0
    made[70:80, 200:220] = 255 - face[70:80, 200:220]
    assert image_metrics.change_outside_mouth(made, face, FACE) > 0.5


def test_a_frame_is_its_own_reference(face: np.ndarray) -> None:
    assert (
        np.abs(image_metrics.copy_lower_face(face, FACE, face, FACE).astype(int) - face).max() <= 1
    )


def test_a_reference_is_brought_to_the_size_and_place_of_the_target(face: np.ndarray) -> None:
    large = cv2.resize(face, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    copied = image_metrics.copy_lower_face(face, FACE, large, Face(BOX * 1.5, 0.0))
    where = image_metrics.pixel_region(BOX, MOUTH, face)
    assert image_metrics.psnr(copied[where], face[where]) > 33


def test_a_reference_that_leans_is_turned_upright(face: np.ndarray) -> None:
    centre = (float(BOX[[0, 2]].mean()) - 0.5, float(BOX[[1, 3]].mean()) - 0.5)
    # OpenCV turns counter-clockwise, a roll is clockwise.
    leaning = cv2.warpAffine(face, cv2.getRotationMatrix2D(centre, -20, 1), face.shape[1::-1])
    copied = image_metrics.copy_lower_face(face, FACE, leaning, Face(BOX, 20.0))
    where = image_metrics.pixel_region(BOX, MOUTH, face)
    assert image_metrics.psnr(copied[where], face[where]) > 30


def test_a_box_at_the_edge_still_has_pixels_to_compare(face: np.ndarray) -> None:
    outside = np.array([250.0, 240.0, 300.0, 300.0])
    where = image_metrics.pixel_region(outside, MOUTH, face)
    assert face[where].shape == (8, 8, 3)
