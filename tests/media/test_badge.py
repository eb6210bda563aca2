"""The visible mark: in its corner, small, and nowhere else."""

import numpy as np
import pytest

from media.badge import PLACES, Place, add_badge
from media.pictures import read_picture
from media.planar import Planar


def marked(frame: np.ndarray, place: Place) -> np.ndarray:
    """A marked frame of RGB, as RGB."""
    rgb = add_badge(Planar.of_rgb(frame), place).rgb
    assert rgb is not None
    return rgb


@pytest.mark.parametrize("place", [place for place in PLACES if place != "none"])
def test_the_mark_is_small_and_in_its_corner(place: Place) -> None:
    frame = np.full((480, 640, 3), 128, np.uint8)
    rows, columns = np.nonzero((marked(frame, place) != frame).any(2))
    assert (rows.mean() > 400) == place.startswith("bottom")
    assert (rows.mean() < 80) == place.startswith("top")
    assert (columns.mean() > 540) == place.endswith("right")
    assert (columns.mean() < 100) == place.endswith("left")
    assert 0.001 < len(rows) / (480 * 640) < 0.005


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_letters_stand_out_on_any_background(level: int) -> None:
    frame = np.full((480, 640, 3), level, np.uint8)
    corner = marked(frame, "bottom-right")[-40:, -60:].astype(int)
    assert corner.max() > 230
    assert corner.min() < 100


def test_a_marked_frame_is_a_copy(astronaut_file) -> None:  # type: ignore[no-untyped-def]
    frame = read_picture(astronaut_file)
    before = frame.copy()
    assert (marked(frame, "top-left") != before).any()
    assert (frame == before).all()


def test_marking_twice_is_nearly_marking_once() -> None:
    frame = np.full((480, 640, 3), 90, np.uint8)
    once = marked(frame, "bottom-right").astype(int)
    twice = marked(once.astype(np.uint8), "bottom-right").astype(int)
    assert np.abs(twice - once).max() < 40
    assert ((twice != frame) == (once != frame)).all()


def test_without_a_place_and_on_a_tiny_picture_nothing_is_drawn() -> None:
    frame = Planar.of_rgb(np.full((480, 640, 3), 90, np.uint8))
    assert add_badge(frame, "none") is frame
    tiny = Planar.of_rgb(np.zeros((20, 20, 3), np.uint8))
    assert add_badge(tiny, "bottom-right") is tiny


def test_in_planes_nothing_but_the_mark_changes() -> None:
    plain = Planar.of_rgb(np.full((480, 640, 3), 90, np.uint8))
    stored = Planar(plain.levels)
    rows, columns = np.nonzero(
        add_badge(stored, "bottom-right").levels[:480] != stored.levels[:480]
    )
    assert rows.min() > 430
    assert columns.min() > 570
    assert len(rows) > 300
