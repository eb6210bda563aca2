"""Smaller, turned, cropped: in that order, as the original inference script does it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.transform import Transform


@pytest.fixture
def frame() -> np.ndarray:
    """Each pixel says where it is: red its row, green its column."""
    rows, columns = np.mgrid[:60, :80].astype(np.uint8)
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1)


def test_nothing_asked_nothing_done(frame):
    assert Transform().is_identity
    assert Transform().apply(frame) is frame
    assert Transform().key() == ""


def test_a_quarter_turn_is_clockwise(frame):
    turned = Transform(rotate=True).apply(frame)
    assert turned.shape == (80, 60, 3)
    assert turned[0, -1].tolist() == [0, 0, 0]
    assert turned[0, 0].tolist() == [59, 0, 0]


def test_the_crop_counts_in_the_smaller_turned_picture(frame):
    transform = Transform(resize_factor=2, rotate=True, crop=(10, 30, 5, -1))
    picture = transform.apply(frame)
    assert picture.shape == (20, 25, 3)
    assert transform.size(80, 60) == (25, 20)
    assert picture[0, -1].tolist() == [1, 21, 0]  # the mean of rows 0..1 and columns 20..21


def test_each_transform_has_its_own_key():
    transforms = [
        Transform(),
        Transform(2),
        Transform(rotate=True),
        Transform(crop=(0, 10, 0, -1)),
        Transform(2, True, (1, 2, 3, 4)),
    ]
    assert len({transform.key() for transform in transforms}) == len(transforms)


def test_a_crop_that_leaves_nothing_is_an_error(frame):
    with pytest.raises(ValueError, match="leaves nothing"):
        Transform(crop=(70, -1, 0, -1)).apply(frame)


@given(
    factor=st.integers(1, 9),
    rotate=st.booleans(),
    crop=st.tuples(st.integers(0, 5), st.just(-1), st.integers(0, 5), st.just(-1)),
)
def test_size_foretells_apply(factor, rotate, crop):
    transform = Transform(factor, rotate, crop)
    frame = np.zeros((63, 81, 3), np.uint8)
    height, width = transform.apply(frame).shape[:2]
    assert transform.size(81, 63) == (width, height)
