"""A frame that is kept as it is stored shows what the frame in RGB shows."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from face_detection import shots
from face_detection.lazy_frame import LazyFrame, rgb_of, signature_of
from media.video import VideoWriter, read_frames, read_planar_at, stored_colours


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with VideoWriter(path, 128, 96, Fraction(25)) as writer:
        for at in (100, 140):
            writer.write(np.ascontiguousarray(astronaut()[at : at + 96, 160:288]))
    return path


def test_a_lazy_frame_has_the_pixels_and_the_signature_of_the_frame(film: Path) -> None:
    planar = list(read_planar_at(film, range(2), Fraction(25), stored_colours(film)))
    for lazy, frame in zip(map(LazyFrame, planar), read_frames(film), strict=True):
        assert np.array_equal(rgb_of(lazy), frame)
        assert lazy.rgb is lazy.rgb
        apart = signature_of(lazy).astype(int) - signature_of(frame)
        assert np.abs(apart).max() <= 8  # red weighs less in luma of BT.709 than in grey
        assert shots.change(signature_of(lazy)[None], signature_of(frame)[None])[0] < 0.001


def test_luma_of_limited_range_gives_a_signature_of_the_full_range() -> None:
    black_and_white = np.full((48, 48), 16, np.uint8)
    black_and_white[24:] = 235
    signature = shots.signature_of_luma(black_and_white)
    assert signature.dtype == np.uint8
    assert (signature.min(), signature.max()) == (0, 255)
