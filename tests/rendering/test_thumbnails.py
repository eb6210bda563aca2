"""Pictures for the face picker."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from face_detection.persons import Person
from media.pictures import read_picture
from media.video_writer import VideoWriter
from rendering.thumbnails import picture_frame, portraits, write_pictures

from .conftest import Prepare, opened


def test_the_picker_shows_everybody(prepare: Prepare, pair: Path, tmp_path: Path) -> None:
    spec = prepare(opened(pair), 1)
    assert picture_frame(spec.persons) == 0
    assert write_pictures(spec.source, spec.persons, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "person-1.jpg",
        "person-2.jpg",
        "picture.jpg",
    ]
    assert read_picture(tmp_path / "picture.jpg").shape == (300, 600, 3)
    assert max(read_picture(tmp_path / "person-1.jpg").shape) <= 256


def test_a_portrait_is_of_the_frame_that_shows_its_person_best(tmp_path: Path) -> None:
    """Whatever frame shows most of them."""
    with VideoWriter(tmp_path / "brighter.mp4", 64, 64, Fraction(25)) as writer:
        for number in range(10):
            writer.write(np.full((64, 64, 3), 20 * number, np.uint8))
    scores = np.ones((2, 10), np.float32)
    scores[0, 7] = scores[1, 4] = 2
    boxes = np.tile(np.array([16, 16, 48, 48], np.float32), (10, 1))
    people = [
        Person(number, np.arange(10), boxes, scores[number - 1], Fraction(25)) for number in (1, 2)
    ]
    shown = {
        person.id: float(portrait.mean())
        for person, portrait in portraits(opened(tmp_path / "brighter.mp4"), people)
    }
    assert shown == pytest.approx({1: 140, 2: 80}, abs=2)
