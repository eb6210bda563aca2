"""Every kind of result holds the frames of its source, at its size where the codec has it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media.assemble import concatenate
from media.encoding import encoding_of, output_notes
from media.errors import MediaError
from media.gif import write_gif
from media.pictures import read_picture
from media.planar import Planar
from media.probe import probe
from media.sound import sound_duration
from media.video import read_frames
from media.video_writer import VideoWriter

WIDTH, HEIGHT = 97, 65  # odd


@pytest.fixture(scope="module")
def face(astronaut_file):
    return read_picture(astronaut_file)[60 : 60 + HEIGHT, 200 : 200 + WIDTH]


def made(path, face, sound, quality="standard", frames=6):
    """A video of two segments, `frames` long, of a face that grows darker."""
    encoding = encoding_of(path, quality)
    segments = [path.with_name(f"{number}") for number in range(2)]
    for number, segment in enumerate(segments):
        with VideoWriter(
            segment, WIDTH, HEIGHT, Fraction(25), encoding=encoding, quality=quality
        ) as writer:
            for place in range(frames // 2):
                writer.write(darker(face, number * frames // 2 + place))
    concatenate(segments, sound, path, Fraction(25), frames, {}, encoding)
    return path


def darker(face, number):
    return face - face // 16 * number


@pytest.mark.parametrize(
    ("name", "quality", "codecs", "least"),
    [
        ("a.mp4", "standard", ("h264", "aac"), 34),
        ("a.MOV", "standard", ("h264", "aac"), 34),
        ("a.webm", "standard", ("vp9", "opus"), 34),
        ("a.mov", "prores", ("prores", "pcm_s16le"), 34),
        ("a.mov", "lossless", ("h264", "alac"), 34),
    ],
)
def test_a_result_of_every_kind(
    name, quality, codecs, least, face, tone, write_media, psnr, tmp_path
):
    sound = write_media(tmp_path / "s.wav", sound=tone(0.24), sound_codec="pcm_s16le")
    path = made(tmp_path / name, face, sound, quality)
    grows = codecs[0] != "vp9"
    info = probe(path)
    assert (info.width, info.height) == ((98, 66) if grows else (WIDTH, HEIGHT))
    assert (info.fps, info.frames) == (25, 6)
    assert abs(sound_duration(path) - Fraction(6, 25)) < Fraction(1, 40)
    with av.open(str(path)) as file:
        assert tuple(stream.codec_context.name for stream in file.streams) == codecs
    for number, frame in enumerate(read_frames(path)):
        assert psnr(frame[:HEIGHT, :WIDTH], darker(face, number)) > least


def test_lossless_keeps_every_level(face, tmp_path):
    path = made(tmp_path / "a.mov", face, None, "lossless")
    with av.open(str(path)) as file:
        for number, picture in enumerate(file.decode(video=0)):
            assert np.array_equal(picture.to_ndarray(), Planar.of_rgb(darker(face, number)).levels)


def test_a_gif_has_the_frames_and_the_size_of_the_source(face, psnr, tmp_path):
    video = made(tmp_path / "a.mp4", face, None)
    write_gif(video, tmp_path / "a.gif", Fraction(25), 6, (WIDTH, HEIGHT))
    info = probe(tmp_path / "a.gif")
    assert (info.width, info.height, info.fps, info.frames) == (WIDTH, HEIGHT, 25, 6)
    for number, frame in enumerate(read_frames(tmp_path / "a.gif")):
        assert psnr(frame, darker(face, number)) > 26


@pytest.mark.parametrize(
    ("name", "quality", "endings"),
    [
        ("a.avi", "standard", ".mp4, .m4v, .mov, .webm, .gif"),
        ("a.webm", "lossless", ".mp4, .mov"),
        ("a.mp4", "prores", ".mov"),
    ],
)
def test_no_file_is_written_that_is_not_what_its_name_says(name, quality, endings):
    with pytest.raises(MediaError, match=f"one of {endings}\\.") as raised:
        encoding_of(Path(name), quality)
    assert raised.value.code == "unsupported-type"


def test_what_a_result_has_not_is_said():
    def notes(name, width):
        return output_notes(encoding_of(Path(name)), width, 480)

    assert notes("a.mp4", 640) == []
    (grown,) = notes("a.mov", 641)
    assert "642 x 480 pixels, not 641 x 480" in grown
    assert notes("a.gif", 641) == ["A GIF has no sound."]
    assert "not signed" in notes("a.webm", 641)[0]
