"""Interlaced video reads as whole pictures: as many, at the same times, without combs."""

from fractions import Fraction

import av
import numpy as np
import pytest

from media.deinterlace import deinterlaced
from media.probe import probe
from media.video import read_frames, read_frames_at

WIDTH, HEIGHT, COUNT = 192, 64, 40
CASES = [
    ("film.mp4", "libx264", "yuv420p", {"flags": "+ilme+ildct", "g": "12"}),
    ("film.mkv", "mpeg2video", "yuv420p", {"flags": "+ilme+ildct", "g": "12", "b": "4M"}),
    ("film.avi", "mpeg2video", "yuv420p", {"flags": "+ilme+ildct", "g": "12", "b": "4M"}),
    ("film.mov", "prores_ks", "yuv422p10le", {"flags": "+ildct"}),
]


def woven(number: int) -> np.ndarray:
    """A bar that moves to the right; the second field is half a picture later."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[0::2, 4 * number : 4 * number + 20] = 255
    frame[1::2, 4 * number + 2 : 4 * number + 22] = 255
    return frame


def flagged(frame: np.ndarray, pix_fmt: str, interlaced: bool) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=pix_fmt)
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=WIDTH, height=HEIGHT, format=picture.format, time_base=Fraction(1, 25)
    )
    field = graph.add("setfield", mode="tff" if interlaced else "prog")
    graph.link_nodes(source, field, graph.add("buffersink")).configure()
    graph.vpush(picture)
    return graph.vpull()


def combed(frame: np.ndarray) -> float:
    """How much odd lines differ from the mean of their neighbours."""
    grey = frame[..., 1].astype(float)
    return float(np.abs(grey[1:-1:2] - (grey[:-2:2] + grey[2::2]) / 2).mean())


def place(frame: np.ndarray) -> float:
    """Where the left edge of the bar is in the lines of the first field."""
    return float(np.argmax(frame[::2, :, 1] > 127, axis=1).mean())


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def film(request, tmp_path):
    name, codec, pix_fmt, options = request.param
    with av.open(str(tmp_path / name), "w") as output:
        video = output.add_stream(codec, rate=25, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for number in range(COUNT):
            picture = flagged(woven(number), pix_fmt, interlaced=True)
            picture.pts, picture.time_base = number, Fraction(1, 25)
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
    return tmp_path / name


def test_fields_become_pictures(film):
    info = probe(film)
    assert (info.fps, info.frames, info.notes) == (25, COUNT, ("interlaced",))
    frames = list(read_frames(film))
    assert len(frames) == COUNT
    assert max(combed(frame) for frame in frames) < 2 < combed(woven(5))
    assert [place(frame) for frame in frames] == pytest.approx(
        [4 * number for number in range(COUNT)], abs=1
    )


@pytest.mark.parametrize("start", [1, 12, 27, COUNT - 1])
def test_reading_from_the_middle_is_exact(film, start):
    whole = list(read_frames(film))
    assert np.array_equal(list(read_frames(film, start)), whole[start:])
    assert np.array_equal(next(read_frames_at(film, [start])), whole[start])


def read(flags: list[bool], begin: int = 0) -> list[tuple[Fraction, np.ndarray]]:
    pictures = (
        (Fraction(number), flagged(woven(number), "yuv420p", flag))
        for number, flag in enumerate(flags)
        if number >= begin
    )
    return [(time, picture.to_ndarray(format="rgb24")) for time, picture in deinterlaced(pictures)]


def test_whole_pictures_pass_untouched():
    """The same pictures, not copies of them: ordinary video pays nothing."""
    pictures = [(Fraction(n), flagged(woven(n), "yuv420p", False)) for n in range(4)]
    shown = list(deinterlaced(pictures))
    assert all(after is before for (_, after), (_, before) in zip(shown, pictures, strict=True))


def test_a_film_of_both_kinds_keeps_what_is_whole():
    flags = [False, False, True, True, False, True, False]
    shown = read(flags)
    assert [time for time, _ in shown] == list(range(len(flags)))
    for flag, (number, frame) in zip(flags, shown, strict=True):
        untouched = flagged(woven(int(number)), "yuv420p", False).to_ndarray(format="rgb24")
        assert np.array_equal(frame, untouched) != flag


def test_it_does_not_matter_where_a_film_of_both_kinds_is_entered():
    flags = [False, False, True, True, False, True, False]
    whole = read(flags)
    for begin in (1, 3):
        later = read(flags, begin)
        assert all(
            np.array_equal(one, other)
            for (_, one), (_, other) in zip(later[1:], whole[begin + 1 :], strict=True)
        )


def test_a_film_that_changes_its_size_loses_nothing():
    small = [(Fraction(n), flagged(woven(n), "yuv420p", True)) for n in range(3)]
    other = [(Fraction(n + 3), flagged(woven(n), "yuv422p", True)) for n in range(3)]
    shown = list(deinterlaced(small + other))
    assert [time for time, _ in shown] == list(range(6))
    assert [p.format.name for _, p in shown] == ["yuv420p"] * 3 + ["yuv422p"] * 3
