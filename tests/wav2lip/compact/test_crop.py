"""The square that the renderer sees lies over the box, pixel for pixel."""

import cv2
import numpy as np
import pytest
from skimage import data

from wav2lip.compact import crop


def test_a_square_of_96_pixels_is_cut_out_as_it_is() -> None:
    frame = data.astronaut()
    box = np.array([190, 80, 266, 176])
    assert (crop.crop(frame, box) == frame[80:176, 180:276]).all()


def test_a_margin_shows_more_at_the_same_scale() -> None:
    frame = data.astronaut()
    box = np.array([190, 80, 266, 176])
    assert (crop.crop(frame, box, margin=16) == frame[64:192, 164:292]).all()


@pytest.mark.parametrize("scale", [0.6, 1.7, 5, 12])
def test_a_large_face_and_a_small_one_look_the_same(scale: float) -> None:
    frame = data.astronaut()
    box = np.array([170.0, 70, 280, 190])
    resized = cv2.resize(
        frame,
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    difference = np.abs(crop.crop(resized, box * scale).astype(int) - crop.crop(frame, box))
    assert difference.mean() < 6


def test_outside_the_frame_the_edge_repeats() -> None:
    frame = np.full((50, 50, 3), 90, np.uint8)
    for box in ((-40, -40, 20, 20), (30, 30, 400, 400), (900, 900, 950, 950)):
        assert (crop.crop(frame, np.array(box, float)) == 90).all()
