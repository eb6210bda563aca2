"""A face box means the same, whoever found the face."""

import cv2
import numpy as np
import pytest
from skimage import data

from face_detection.landmarks import fit_box, landmarks, landmarks_in_fitted

FOUND = (170.0, 65.0, 280.0, 195.0)


@pytest.fixture
def frame() -> np.ndarray:
    return data.astronaut()


def height(points: np.ndarray) -> float:
    _, top, _, bottom = fit_box(points)
    return bottom - top


def test_points_lie_where_the_face_has_them(frame: np.ndarray) -> None:
    points = landmarks(frame, FOUND)
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    brow, eyes, nose, mouth = (
        points[a:b, 1].mean() for a, b in ((17, 27), (36, 48), (31, 36), (48, 68))
    )
    assert brow < eyes < nose < mouth < points[8, 1]
    # The open smile of the photograph.
    assert points[[65, 66, 67], 1].mean() - points[[61, 62, 63], 1].mean() > 3


@pytest.mark.parametrize(
    "found",
    [(160, 55, 290, 205), (175, 60, 275, 185), (165, 40, 285, 190), (180, 75, 285, 200)],
)
def test_boxes_of_different_detectors_give_nearly_the_same_points(
    frame: np.ndarray, found: tuple[float, float, float, float]
) -> None:
    apart = np.abs(landmarks(frame, found) - landmarks(frame, FOUND)).mean()
    assert apart < 0.02 * height(landmarks(frame, FOUND))


@pytest.mark.parametrize("scale", [0.6, 3, 8])
def test_the_size_of_a_face_does_not_matter(frame: np.ndarray, scale: float) -> None:
    resized = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    box = tuple(scale * value for value in FOUND)
    points = landmarks(resized, box) / scale
    assert np.abs(points - landmarks(frame, FOUND)).mean() < 1.0


def test_a_face_cut_off_by_the_frame_still_has_all_its_points(frame: np.ndarray) -> None:
    cut = frame[:160]
    assert landmarks(cut, FOUND).shape == (68, 2)


def test_a_box_outside_the_frame_is_no_error(frame: np.ndarray) -> None:
    for far in (-5000.0, -100.0, 600.0, 9000.0):
        box = (far, far, far + 80, far + 80)
        assert np.isfinite(landmarks(frame, box)).all()
        assert np.isfinite(landmarks(frame, (far, far, far + 4000, far + 4000))).all()


def test_a_second_look_inside_the_fitted_box_agrees(frame: np.ndarray) -> None:
    points = landmarks(frame, FOUND)
    again = landmarks_in_fitted(frame, fit_box(points))
    assert np.abs(again - points).mean() < 1.0


def test_the_box_is_measured_from_brow_to_chin() -> None:
    points = np.zeros((68, 2), np.float32)
    points[:17, 0] = np.linspace(40, 160, 17)
    points[17:27, 1] = 100
    points[8, 1] = 200
    assert fit_box(points) == pytest.approx((40, 82, 160, 210))
