"""The benchmark of persons counts what was seen against what was shown."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.persons import Scene, contact_sheet, fitted, score
from face_detection.detection import Detection
from face_detection.persons import Person, link
from media.video_writer import VideoWriter

LEFT, RIGHT = (0, 0, 320, 360), (320, 0, 320, 360)
SCENES = [
    Scene(0, 25, {"anna": LEFT, "berta": RIGHT}, {}),
    Scene(25, 50, {"anna": LEFT}, {}),
]


def at(tile: tuple[int, int, int, int]) -> Detection:
    x = tile[0] + 100.0
    return Detection(x, 100, x + 80, 200, 1)


@pytest.fixture(scope="module")
def persons() -> list[Person]:
    return link([[at(LEFT), at(RIGHT)]] * 25 + [[at(LEFT)]] * 25)


def test_whoever_is_found_in_every_scene_is_right(persons: list[Person]) -> None:
    found = score(SCENES, persons, [25], failed=False)
    assert (found.expected, found.found, found.right, found.switches) == (2, 2, 2, 0)
    assert (found.animated, found.shown) == (75, 75)
    assert (found.cuts, found.cuts_missed, found.cuts_wrong) == (1, 0, 0)
    assert found.minutes == pytest.approx(50 / 25 / 60)


def test_a_swap_is_a_switch_and_makes_both_wrong(persons: list[Person]) -> None:
    swapped = [SCENES[0], Scene(25, 50, {"berta": LEFT}, {})]
    found = score(swapped, persons, [], failed=False)
    assert (found.switches, found.right, found.cuts_missed) == (1, 0, 1)


def test_who_is_not_found_is_not_animated(persons: list[Person]) -> None:
    found = score(SCENES, persons[1:], [25, 40], failed=True)
    assert (found.found, found.right, found.animated, found.shown) == (1, 1, 25, 75)
    assert (found.cuts_wrong, found.failed) == (1, 1)


def test_a_contact_sheet_shows_each_person_in_a_row(persons: list[Person], tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with VideoWriter(film, 640, 360, Fraction(25)) as writer:
        for _ in range(50):
            writer.write(np.full((360, 640, 3), 90, np.uint8))
    assert contact_sheet(film, persons).shape == (2 * 88, 12 * 72, 3)


def test_a_frame_fits_its_tile_without_being_stretched() -> None:
    tile = fitted(np.full((100, 100, 3), 200, np.uint8), 320, 180)
    assert tile.shape == (180, 320, 3)
    assert (tile[:, 70:250] == 200).all()
    assert (tile[:, :70] == 0).all()
