"""Frames in planes: what nobody draws on stays as it was stored, to the last bit."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from media.pictures import read_picture
from media.planar import BT709, Colours, Planar
from media.video import read_frames, read_planar_at, stored_colours
from media.video_writer import VideoWriter

WriteMedia = Callable[..., Path]
FPS = Fraction(25)


@pytest.fixture(scope="module")
def faces(astronaut_file: Path) -> list[np.ndarray]:
    """Three frames of a camera that moves, 240x200."""
    photograph = read_picture(astronaut_file)
    return [photograph[3 * n : 200 + 3 * n, 100:340].copy() for n in range(3)]


def decoded(path: Path) -> list[np.ndarray]:
    """What the file holds, plane above plane."""
    with av.open(str(path)) as container:
        return [picture.to_ndarray() for picture in container.decode(video=0)]


def planar(path: Path) -> list[Planar]:
    return list(read_planar_at(path, range(3), None, stored_colours(path)))


def test_what_is_stored_is_read_as_it_is(
    tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    film = write_media(tmp_path / "film.mp4", faces)
    frames = planar(film)
    assert [frame.size for frame in frames] == [(240, 200)] * 3
    assert all(
        np.array_equal(frame.levels, stored)
        for frame, stored in zip(frames, decoded(film), strict=True)
    )
    assert frames[0].rgb is None


def test_a_window_shows_what_the_whole_frame_shows(
    tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    film = write_media(tmp_path / "film.mp4", faces)
    frame, whole = planar(film)[0], next(iter(read_frames(film)))
    window = frame.around(61, 40.5, 160.2, 119)
    assert window == (60, 40, 162, 120)
    inner = slice(8, -8)  # a window's edge does not know the colours beyond it
    seen = frame.seen((0, 0, 240, 200))
    assert np.array_equal(frame.seen(window)[inner, inner], seen[40:120, 60:162][inner, inner])
    # Here a colour is taken to lie between its pixels, wherever it does.
    assert np.abs(seen.astype(int) - whole).mean() < 0.3


def test_only_what_was_drawn_changes(
    tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    frame = planar(write_media(tmp_path / "film.mp4", faces))[0]
    window = frame.around(60, 40, 160, 120)
    assert window
    before = frame.seen(window)
    after = before.copy()
    after[11:31, 21:42] = (250, 30, 40)
    drawn = frame.drawn(window, before, after)
    luma = drawn.levels[:200] != frame.levels[:200]
    rows, columns = np.nonzero(luma)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (51, 70, 81, 101)
    # Half of each plane's row, U above V: whatever shares a colour with what was drawn.
    chroma = (drawn.levels != frame.levels)[200:].reshape(2, 100, 120)
    rows, columns = np.nonzero(chroma.any(axis=0))
    assert rows.min() >= 25
    assert rows.max() <= 35
    assert columns.min() >= 40
    assert columns.max() <= 50
    now = drawn.seen(window)[15:27, 26:36]
    assert np.abs(now.astype(int) - (250, 30, 40)).max() <= 3
    assert frame.drawn(window, before, before.copy()) is frame


def test_reading_and_writing_lose_nothing(
    tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    """But what the encoder takes, which here takes nothing."""
    film = write_media(tmp_path / "film.mp4", faces)
    colours = stored_colours(film)
    with VideoWriter(tmp_path / "again.mp4", 240, 200, FPS, crf=0, colours=colours) as writer:
        for frame in planar(film):
            writer.write(frame)
    again = decoded(tmp_path / "again.mp4")
    assert all(np.array_equal(a, b) for a, b in zip(again, decoded(film), strict=True))
    assert stored_colours(tmp_path / "again.mp4") == colours


def test_rgb_is_kept_beside_the_planes(faces: list[np.ndarray]) -> None:
    """So that somebody who looks after another has drawn sees no colours at half the size."""
    frame = Planar.of_rgb(faces[0])
    window = frame.around(10, 10, 50, 50)
    assert window == (10, 10, 50, 50)
    assert np.array_equal(frame.seen(window), faces[0][10:50, 10:50])
    after = np.full((40, 40, 3), 77, np.uint8)
    drawn = frame.drawn(window, frame.seen(window), after)
    assert np.array_equal(drawn.seen(window), after)
    assert (faces[0][10:50, 10:50] != 77).any()
    changed = faces[0].copy()
    changed[10:50, 10:50] = 77
    assert np.array_equal(drawn.levels, Planar.of_rgb(changed).levels)


def test_odd_sides_grow(faces: list[np.ndarray]) -> None:
    frame = Planar.of_rgb(faces[0][:199, :239])
    assert frame.size == (239, 199)
    assert frame.levels.shape == (300, 240)
    window = frame.around(220, 180, 300, 300)
    assert window == (220, 180, 239, 199)
    drawn = frame.drawn(window, frame.seen(window), np.zeros((19, 19, 3), np.uint8))
    assert (drawn.levels[180:200, 220:240] == 16).all()
    assert frame.around(300, 10, 400, 20) is None
    assert frame.around(-20, 10, -3, 20) is None


@pytest.mark.parametrize("tag", ["bt709", "smpte170m", "bt470bg", "unknown"])
def test_any_common_colours_are_kept(
    tag: str, tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    """A result looks as its source does, whatever a player takes the numbers for."""
    film = write_media(
        tmp_path / "film.mp4",
        faces,
        options={"x264-params": f"colormatrix={tag.replace('unknown', 'undef')}"},
    )
    colours = stored_colours(film)
    codes = {"bt709": 1, "smpte170m": 6, "bt470bg": 5, "unknown": 2}
    assert colours == Colours(codes[tag], 2, 2, centred=False)
    with VideoWriter(tmp_path / "again.mp4", 240, 200, FPS, crf=1, colours=colours) as writer:
        for frame in planar(film):
            window = frame.around(0, 0, 240, 100)
            assert window
            seen = frame.seen(window)
            writer.write(frame.drawn(window, seen, np.minimum(seen, 200)))
    shown, again = (
        np.stack(list(islice(read_frames(each), 3))).astype(int)
        for each in (film, tmp_path / "again.mp4")
    )
    assert np.abs(np.minimum(shown, 200)[:, :96] - again[:, :96]).mean() < 1
    assert np.abs(shown[:, 104:] - again[:, 104:]).mean() < 0.5


def test_where_colours_lie_is_kept(tmp_path: Path, faces: list[np.ndarray]) -> None:
    """Between the pixels where they were made here, on the left where nothing is said."""
    with VideoWriter(tmp_path / "own.mp4", 240, 200, FPS) as writer:
        for face in faces:
            writer.write(face)
    assert stored_colours(tmp_path / "own.mp4") == BT709
    assert all(frame.rgb is None for frame in planar(tmp_path / "own.mp4"))
    left = Colours(centred=False)
    with VideoWriter(tmp_path / "left.mp4", 240, 200, FPS, colours=left) as writer:
        writer.write(faces[0])
    assert stored_colours(tmp_path / "left.mp4") == left


def as_rgb(path: Path, frames: Iterable[Planar]) -> None:
    for frame, rgb in zip(frames, read_frames(path), strict=True):
        assert frame.rgb is not None
        assert np.array_equal(frame.rgb, rgb)
        assert frame.colours == BT709


@pytest.mark.parametrize(
    "how",
    [
        {"rotation": 90},
        {"rotation": 180},
        {"pix_fmt": "yuvj420p"},
        {"pix_fmt": "yuv444p"},
        {"options": {"x264-params": "colorprim=bt2020:colormatrix=bt2020nc"}},
    ],
    ids=str,
)
def test_what_no_planes_can_hold_is_converted(
    how: dict[str, object], tmp_path: Path, write_media: WriteMedia, faces: list[np.ndarray]
) -> None:
    film = write_media(tmp_path / "film.mp4", faces, **how)
    assert stored_colours(film) == BT709
    as_rgb(film, planar(film))


def test_a_gif_is_converted(tmp_path: Path, faces: list[np.ndarray]) -> None:
    from PIL import Image

    first, *others = (Image.fromarray(face) for face in faces)
    first.save(tmp_path / "moving.gif", save_all=True, append_images=others, duration=40)
    assert stored_colours(tmp_path / "moving.gif") == BT709
    as_rgb(tmp_path / "moving.gif", planar(tmp_path / "moving.gif"))


def test_frames_of_another_video_do_not_fit(tmp_path: Path, faces: list[np.ndarray]) -> None:
    other = Planar.of_rgb(faces[0], Colours(6, 6, 6))
    with (
        pytest.raises(ValueError, match="does not fit"),
        VideoWriter(tmp_path / "out.mp4", 240, 200, FPS) as writer,
    ):
        writer.write(other)
    assert list(tmp_path.iterdir()) == []
