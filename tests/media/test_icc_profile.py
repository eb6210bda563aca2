"""Colours mean what their ICC profile says: right values come from the primaries themselves."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from benchmarks.icc import ADOBE, P3, Display
from media.pictures import read_picture


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(60, 200, (16, 16, 3), np.uint8)


@pytest.mark.parametrize("display", [P3, ADOBE], ids=lambda display: display.name)
def test_the_colours_of_a_display_become_srgb(display: Display, colours, tmp_path):
    Image.fromarray(colours).save(tmp_path / "wide.png", icc_profile=display.profile())
    right = display.in_srgb(colours)
    assert np.abs(right - colours).max() > 10
    assert np.abs(read_picture(tmp_path / "wide.png") - right).max() < 1.6


def test_what_is_transparent_stays_so(colours, tmp_path):
    wide = Image.fromarray(colours)
    opaque, glass = tmp_path / "opaque.png", tmp_path / "glass.png"
    wide.save(opaque, icc_profile=P3.profile())
    wide.putalpha(Image.fromarray(np.full((16, 16), 102, np.uint8)))
    wide.save(glass, icc_profile=P3.profile())
    right = 0.4 * read_picture(opaque) + 0.6 * 255
    assert np.abs(read_picture(glass) - right).max() <= 1


@pytest.mark.parametrize(
    "profile", [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"]
)
def test_srgb_and_what_is_no_profile_leave_every_level(profile, colours, tmp_path):
    Image.fromarray(colours).save(tmp_path / "plain.png", icc_profile=profile)
    assert np.array_equal(read_picture(tmp_path / "plain.png"), colours)


def test_a_profile_of_other_pixels_is_ignored(colours, tmp_path):
    grey = Image.fromarray(colours[..., 0])
    grey.save(tmp_path / "grey.png", icc_profile=P3.profile())
    assert np.array_equal(read_picture(tmp_path / "grey.png")[..., 0], colours[..., 0])
