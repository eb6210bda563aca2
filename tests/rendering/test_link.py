"""Linking: a given box, and pictures in which nobody is found."""

from pathlib import Path

import pytest
from PIL import Image

from media.errors import NamedError

from .conftest import LEFT, RIGHT, Prepare, opened, rendered, stir


def test_a_box_is_the_person(prepare: Prepare, pair: Path, tmp_path: Path) -> None:
    x1, y1, x2, y2 = prepare(opened(pair), 1).persons[0].box_at(0) or (0, 0, 0, 0)
    spec = prepare(opened(pair, box=(x1, y1, x2, y2)), 1)
    assert [person.id for person in spec.persons] == [1]
    frames = rendered(spec, tmp_path / "out.mp4")
    assert stir(frames, LEFT) > 10 > 5 > stir(frames, RIGHT)


def test_a_box_outside_and_a_picture_without_a_face_are_told(
    prepare: Prepare, pair: Path, tmp_path: Path
) -> None:
    with pytest.raises(NamedError) as error:
        prepare(opened(pair, box=(5000, 0, 5100, 100)), 1)
    assert error.value.code == "bad-option"
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")
    with pytest.raises(NamedError) as error:
        prepare(opened(tmp_path / "white.png"), 1)
    assert error.value.code == "no-face-found"
