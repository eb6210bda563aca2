"""Pictures come out the way people see them."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.odd_pictures import STORED
from media.media_info import working_size
from media.pictures import read_picture, write_picture
from media.probe import MediaInfo, probe


@pytest.fixture
def corners() -> np.ndarray:
    """Four colours, so that every turn and mirror can be told."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :24], picture[:16, 24:] = (250, 0, 0), (0, 250, 0)
    picture[16:, :24], picture[16:, 24:] = (0, 0, 250), (250, 250, 0)
    return picture


@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation(orientation, corners, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](corners))
    Image.fromarray(stored).save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "photo.png"), corners)
    info = probe(tmp_path / "photo.png")
    assert (info.kind, info.width, info.height) == ("image", 48, 32)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparent_parts_are_white(format, tmp_path):
    glass = Image.new("RGBA", (10, 10), (200, 0, 0, 255))
    glass.paste((0, 0, 0, 0), (0, 0, 5, 10))
    glass.paste((0, 0, 0, 128), (5, 0, 10, 5))
    glass.save(tmp_path / "glass", format=format, lossless=True)
    picture = read_picture(tmp_path / "glass")
    assert (picture[:, :5] == 255).all()
    assert (picture[:5, 5:] == 127).all()
    assert (picture[5:, 5:] == (200, 0, 0)).all()


def test_a_palette_with_a_hole(tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 1)
    image.save(tmp_path / "p.png", transparency=0)
    picture = read_picture(tmp_path / "p.png")
    assert picture[0, 0].tolist() == [10, 20, 30]
    assert picture[1, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    levels = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "deep.png")
    grey = read_picture(tmp_path / "deep.png")
    assert np.array_equal(grey[..., 0].ravel(), np.arange(256))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode, tmp_path):
    format = "JPEG" if mode == "CMYK" else "PNG"
    Image.new("RGBA", (20, 10), (255, 255, 255, 255)).convert(mode).save(
        tmp_path / "picture", format=format
    )
    picture = read_picture(tmp_path / "picture")
    assert (picture.dtype, picture.shape) == (np.uint8, (10, 20, 3))
    assert picture.min() > 250


@pytest.mark.parametrize("name", ["picture.jpg", "picture.png", "picture.webp"])
def test_written_pictures_read_back(name, tmp_path, astronaut_file, psnr):
    photograph = read_picture(astronaut_file)
    write_picture(tmp_path / name, photograph, quality=95)
    assert psnr(read_picture(tmp_path / name), photograph) > 32
    assert [path.name for path in tmp_path.glob("*.*")] == [name]


@pytest.mark.parametrize("format", ["HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_photographs_of_phones(format, orientation, astronaut_file, psnr, tmp_path):
    photograph = read_picture(astronaut_file)[60:124, 200:296]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](photograph)))
    stored.save(tmp_path / "photo.jpg", format=format, quality=90, exif=exif.tobytes())
    picture = read_picture(tmp_path / "photo.jpg")
    assert picture.shape == photograph.shape
    assert psnr(picture, photograph) > 32
    assert probe(tmp_path / "photo.jpg") == MediaInfo("image", 96, 64)


def test_a_moving_avif_gives_its_first_picture_and_says_so(corners, tmp_path):
    first = Image.fromarray(corners)
    first.save(tmp_path / "a.avif", save_all=True, append_images=[first.rotate(180)], quality=95)
    assert probe(tmp_path / "a.avif").notes == ("several-pictures",)
    assert np.abs(read_picture(tmp_path / "a.avif").astype(int) - corners)[4, 4].max() < 8


@pytest.mark.parametrize("mode", ["RGB", "P", "I;16"])
def test_a_picture_beyond_all_players_is_made_smaller(mode, tmp_path):
    size = (9000, 300)
    halves = Image.new("L", size, 40)
    halves.paste(200, (4500, 0, 9000, 300))
    if mode == "I;16":
        halves = Image.fromarray(np.asarray(halves).astype(np.uint16) * 257)
    else:
        halves = halves.convert(mode)
    halves.save(tmp_path / "large", format="PNG", compress_level=1)
    info = probe(tmp_path / "large")
    assert (info.width, info.height) == working_size(*size) == (8688, 288)
    assert info.notes == ("reduced",)
    picture = read_picture(tmp_path / "large")
    assert picture.shape == (288, 8688, 3)
    assert (picture[:, :4330] == 40).all()
    assert (picture[:, 4360:] == 200).all()


@pytest.mark.parametrize(
    ("size", "worked_on"),
    [
        ((4096, 2304), (4096, 2304)),
        ((1081, 1919), (1081, 1919)),
        ((8160, 6144), (3540, 2664)),  # a telephone's 50 megapixels
        ((6144, 8160), (2664, 3540)),
        ((16000, 501), (8688, 272)),
        ((65000, 1), (8688, 2)),
    ],
)
def test_the_size_of_a_frame_that_players_can_show(size, worked_on):
    assert working_size(*size) == worked_on
