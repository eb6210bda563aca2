"""Eight numbers say what a mouth does, whoever's it is and wherever it is."""

import numpy as np
import pytest

from wav2lip.compact import mouth_shape


def face(opening: float = 0.0, width: float = 40.0) -> np.ndarray:
    """Made-up landmarks: eyes 80 apart, nose bridge 40 long, so that the unit is 80 pixels."""
    points = np.zeros((68, 2))
    points[36], points[45] = (60, 100), (140, 100)
    points[27], points[30] = (100, 100), (100, 140)
    upper, lower = 160.0, 160.0 + opening
    inner = width - 10
    points[60], points[64] = (100 - inner / 2, 160), (100 + inner / 2, 160)
    points[[61, 62, 63]] = [(95, upper), (100, upper), (105, upper)]
    points[[67, 66, 65]] = [(95, lower), (100, lower), (105, lower)]
    points[48], points[54] = (100 - width / 2, 160), (100 + width / 2, 160)
    points[[50, 51, 52]] = [(95, upper - 6), (100, upper - 6), (105, upper - 6)]
    points[[58, 57, 56]] = [(95, lower + 8), (100, lower + 8), (105, lower + 8)]
    points[[7, 8, 9]] = [(90, 200 + opening), (100, 200 + opening), (110, 200 + opening)]
    return points


def test_each_number_is_a_length_in_units_of_the_face() -> None:
    raw = mouth_shape.measure(np.stack([face(opening=8)] * 3))
    expected = np.array([8, 8 + 14, 30, 40, 14, 36, 68, 20]) / 80
    assert raw.shape == (3, 8)
    assert raw[1] == pytest.approx(expected, abs=1e-5)


def test_turning_moving_and_enlarging_the_face_changes_nothing() -> None:
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 2.5 * face(opening=5) @ turn.T + (300, -40)
    straight, turned = (mouth_shape.measure(np.stack([f] * 2)) for f in (face(opening=5), moved))
    assert turned == pytest.approx(straight, abs=1e-5)


def test_opening_and_width_are_told_apart() -> None:
    closed, opened, wide = mouth_shape.measure(np.stack([face(), face(opening=20), face(width=60)]))
    assert opened[mouth_shape.OPENING] - closed[mouth_shape.OPENING] == pytest.approx(0.25)
    assert opened[2] == pytest.approx(closed[2])
    assert wide[mouth_shape.OPENING] == pytest.approx(0)
    assert wide[3] > closed[3]


def test_rest_is_closed_though_the_person_talks_all_the_time() -> None:
    openings = np.abs(np.sin(np.arange(200))) * 20
    raw = mouth_shape.measure(np.stack([face(opening=o) for o in openings]))
    rest = mouth_shape.rest(raw)
    assert rest[mouth_shape.OPENING] < 0.03
    assert rest[2] == pytest.approx(30 / 80, abs=1e-5)
