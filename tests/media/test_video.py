"""Every source reads at a constant rate, the same frames from wherever one begins."""

from fractions import Fraction
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.odd_videos import film_of_two_sizes
from media.errors import MediaError
from media.probe import MediaInfo, probe
from media.timeline import SYNC_MODES, result_frames, round_half_up, source_indices
from media.upright import Upright
from media.video import read_frames, read_frames_at

# Several groups of pictures with B-frames: what makes exact seeking hard.
GROUPS = {"g": "12", "bf": "3", "preset": "veryfast"}
CONTAINERS = [
    ("film.mp4", "libx264", {"options": GROUPS}),
    ("film.mov", "libx264", {"options": GROUPS}),
    ("film.mkv", "libx264", {"options": GROUPS}),
    ("film.webm", "libvpx", {"options": {"g": "12", "deadline": "realtime"}}),
    ("film.webm", "libvpx-vp9", {"options": {"g": "12", "deadline": "realtime"}}),
    ("film.avi", "mpeg4", {"options": {"g": "12"}}),
    ("film.avi", "libx264", {"options": GROUPS}),
    ("film.avi", "mpeg4", {"options": {"g": "12", "bf": "2"}}),
    ("film.avi", "mjpeg", {"pix_fmt": "yuvj420p"}),
    ("film.mp4", "libx265", {"options": {"x265-params": "keyint=12:log-level=none"}}),
    ("film.mov", "prores_ks", {"pix_fmt": "yuv422p10le"}),
    ("film.ts", "libx264", {"options": GROUPS, "format": "mpegts"}),
    (
        "film.m2ts",
        "libx264",
        {"options": GROUPS, "format": "mpegts", "container_options": {"mpegts_m2ts_mode": "1"}},
    ),
    ("film.mpg", "mpeg2video", {"options": {"g": "12", "bf": "2"}, "format": "mpeg"}),
    ("film.mpg", "mpeg1video", {"options": {"g": "12", "bf": "2"}, "format": "mpeg"}),
    ("film.mxf", "mpeg2video", {"options": {"g": "12", "bf": "2"}, "format": "mxf"}),
]


@pytest.fixture(params=CONTAINERS, ids=lambda case: f"{case[0]}-{case[1]}")
def film(request, tmp_path, write_media, numbered):
    name, codec, more = request.param
    frames = [numbered(i) for i in range(60)]
    return write_media(tmp_path / name, frames, codec=codec, **more)


def test_every_container_gives_every_frame_in_order(film, number_of):
    frames = list(read_frames(film))
    assert [number_of(frame) for frame in frames] == list(range(60))
    assert frames[0].dtype == np.uint8
    assert frames[0].shape == (64, 128, 3)


def test_probe_counts_what_read_frames_yields(film):
    info = probe(film)
    assert (info.kind, info.width, info.height, info.has_audio) == ("video", 128, 64, False)
    assert (info.fps, info.frames) == (25, 60)


@pytest.mark.parametrize("start", [1, 11, 12, 13, 37, 59])
def test_reading_from_the_middle_is_exact(film, start):
    whole = list(read_frames(film))
    assert np.array_equal(list(read_frames(film, start, start + 5)), whole[start : start + 5])


@pytest.mark.parametrize("fps", [1, Fraction(12)])
def test_a_slow_video_is_held_for_the_mouth(fps, number_of, write_media, numbered, tmp_path):
    film = write_media(tmp_path / "slow.mp4", [numbered(i) for i in range(6)], fps=fps)
    info = probe(film)
    seconds = Fraction(6) / fps
    assert (info.fps, info.frames, info.duration) == (25, round_half_up(25 * seconds), seconds)
    assert info.notes == ("held",)
    numbers = [number_of(frame) for frame in read_frames(film)]
    begins = [round_half_up(i * 25 / Fraction(fps)) for i in range(6)]
    assert numbers == [sum(begin <= tick for begin in begins) - 1 for tick in range(info.frames)]


def test_a_slow_animation_is_held_too(tmp_path):
    first = Image.new("RGB", (8, 8), "red")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (8, 8))],
               duration=100)  # fmt: skip
    assert probe(tmp_path / "a.gif") == MediaInfo(
        "video", 8, 8, Fraction(25), 5, Fraction(1, 5), notes=("held",)
    )
    assert [frame[0, 0, 0] for frame in read_frames(tmp_path / "a.gif")] == [255] * 3 + [0] * 2


@pytest.mark.parametrize("place", [1, 29])
def test_a_picture_that_changes_its_size_is_refused(place, tmp_path):
    film = film_of_two_sizes(tmp_path / "film.mkv", place)
    for read in (probe, lambda path: list(read_frames(path))):
        with pytest.raises(MediaError) as raised:
            read(film)
        assert raised.value.code == "size-changes"
        assert "128 x 64 to 384 x 192" in raised.value.message


def test_there_and_back_again(film, number_of):
    indices = source_indices(50, 200, 60)
    assert [number_of(frame) for frame in read_frames_at(film, indices)] == indices


def test_frames_between_those_asked_for_get_no_colours(long_film, number_of, monkeypatch):
    converted = []

    class Counting(Upright):
        def __call__(self, picture):
            converted.append(picture)
            return super().__call__(picture)

    monkeypatch.setattr("media.video.Upright", Counting)
    assert [number_of(frame) for frame in read_frames_at(long_film, [3, 20, 20, 41])] == [
        3,
        20,
        20,
        41,
    ]
    assert len(converted) == 3


@pytest.mark.parametrize("held", [100 * 1024**2, 7 * 64 * 128 * 3], ids=["small", "large"])
@pytest.mark.parametrize("mode", SYNC_MODES)
@pytest.mark.parametrize("voice", [1, 31, 150])
def test_every_mode_of_fitting_a_video_to_a_voice(
    voice, mode, held, long_film, number_of, monkeypatch
):
    monkeypatch.setattr("media.video._HELD_BYTES", held)
    total = result_frames(Fraction(voice), Fraction(1), mode, 60)
    indices = source_indices(0, total, 60, mode, total)
    assert [number_of(frame) for frame in read_frames_at(long_film, indices)] == indices


@given(indices=st.lists(st.integers(0, 59), max_size=12))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_indices_in_any_order(indices, long_film, number_of):
    assert [number_of(frame) for frame in read_frames_at(long_film, indices)] == indices


@pytest.fixture(scope="module")
def long_film(tmp_path_factory, write_media, numbered):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_media(path, [numbered(i) for i in range(60)], options=GROUPS)


def test_long_runs_backward_are_read_in_stretches(long_film, number_of, monkeypatch):
    monkeypatch.setattr("media.video._HELD_BYTES", 7 * 64 * 128 * 3)
    backward = list(range(59, -1, -1))
    assert [number_of(frame) for frame in read_frames_at(long_film, backward)] == backward


def test_an_index_past_the_end_is_an_error(long_film):
    with pytest.raises(IndexError, match="60"):
        list(read_frames_at(long_film, [58, 60]))


def test_reading_ends_with_the_video(long_film):
    assert len(list(read_frames(long_film, 50, 1000))) == 10
    assert list(read_frames(long_film, 60, 70)) == []


@pytest.mark.parametrize(
    "fps",
    [*(Fraction(n, 1001) for n in (24000, 30000, 60000)), Fraction(50), Fraction(60)],
)
@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.mov", "film.avi"])
def test_broadcast_rates_survive_containers_that_count_milliseconds(
    fps, name, tmp_path, write_media, numbered, number_of
):
    film = write_media(tmp_path / name, [numbered(i) for i in range(90)], fps=fps)
    info = probe(film)
    assert (info.fps, info.frames) == (fps, 90)
    assert [number_of(frame) for frame in read_frames(film)] == list(range(90))


def test_variable_rate_becomes_constant_by_repeating(tmp_path, write_media, numbered, number_of):
    moments = [0, 40, 80, 200, 240, 280]
    film = write_media(
        tmp_path / "phone.mp4", [numbered(i) for i in range(6)], milliseconds=moments
    )
    shown = [number_of(frame) for frame in read_frames(film, 0, 8, fps=Fraction(25))]
    assert shown == [0, 1, 2, 2, 2, 3, 4, 5]
    info = probe(film)
    assert len(list(read_frames(film))) == info.frames == round(info.duration * info.fps)


@pytest.mark.parametrize("name", ["screen.mp4", "screen.mkv"])
def test_no_picture_is_lost_where_a_recorder_left_some_out(
    name, tmp_path, write_media, numbered, number_of
):
    kept = [n for n in range(60) if n % 7 not in (2, 5)]
    film = write_media(
        tmp_path / name,
        [numbered(n) for n in kept],
        fps=30,
        milliseconds=[round(n * 1000 / 30) for n in kept],
    )
    assert probe(film).fps == 30
    shown = [number_of(frame) for frame in read_frames(film)]
    assert shown == [max(k for k in kept if k <= n) for n in range(len(shown))]
    assert set(shown) == set(kept)


@given(steps=st.lists(st.integers(5, 200), min_size=2, max_size=30))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.parametrize("name", ["phone.mp4", "phone.mkv"])
def test_any_variable_rate_has_the_length_that_was_found(
    name, steps, tmp_path, write_media, numbered, number_of
):
    """The frame of a tick is the last picture that began by then; nothing is lost at the end."""
    moments = [0, *accumulate(steps)]
    film = write_media(
        tmp_path / name, [numbered(i) for i in range(len(moments))], milliseconds=moments
    )
    info = probe(film)
    shown = [number_of(frame) for frame in read_frames(film)]
    assert len(shown) == info.frames == round_half_up(info.duration * info.fps)
    assert info.duration >= Fraction(moments[-1], 1000)
    begun = [
        [round_half_up(Fraction(m, 1000) * info.fps) <= i for m in moments]
        for i in range(len(shown))
    ]
    assert shown == [sum(flags) - 1 for flags in begun]


def test_another_rate_can_be_asked_for(long_film, number_of):
    every_other = [number_of(f) for f in read_frames(long_film, fps=Fraction(25, 2))]
    assert len(every_other) == 30
    assert {after - before for before, after in pairwise(every_other)} == {2}


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_phone_videos_stand_upright(turn, tmp_path, write_media):
    """The file stores the picture turned and says so; the reader turns it back."""
    upright = np.zeros((64, 96, 3), np.uint8)
    upright[:32, :48] = 250
    stored = np.ascontiguousarray(np.rot90(upright, -turn // 90))
    film = write_media(tmp_path / "phone.mp4", [stored] * 3, rotation=turn)
    info = probe(film)
    assert (info.width, info.height) == (96, 64)
    frame = next(read_frames(film))
    assert np.abs(frame.astype(int) - upright).mean() < 4


def test_a_gif_is_a_video_on_white(tmp_path):
    """A fifth of a second: two pictures of 40 ms around one of 120 ms, with holes in them."""
    pictures = []
    for level in (10, 100, 200):
        picture = Image.new("RGBA", (40, 30), (level, 0, 0, 255))
        picture.paste((0, 0, 0, 0), (0, 0, 10, 10))
        pictures.append(picture)
    path = tmp_path / "moving.gif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[40, 120, 40], disposal=2
    )
    info = probe(path)
    assert (info.kind, info.fps, info.frames) == ("video", 25, 5)
    frames = list(read_frames(path))
    assert [int(frame[20, 20, 0]) for frame in frames] == [10, 100, 100, 100, 200]
    assert all((frame[5, 5] == 255).all() for frame in frames)
    assert np.array_equal(list(read_frames(path, 2, 5)), frames[2:])


def test_a_gif_that_counts_unevenly_keeps_its_pace(tmp_path):
    pictures = [Image.new("L", (8, 8), 4 * level) for level in range(60)]
    path = tmp_path / "thirty.gif"
    steps = [30, 30, 40] * 20
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=steps)
    info = probe(path)
    assert (float(info.fps), info.frames) == (30, 60)
    assert [int(frame[0, 0, 0]) for frame in read_frames(path)] == list(range(0, 240, 4))


def test_an_animated_webp_is_a_video(tmp_path):
    pictures = [Image.new("RGB", (40, 30), (level, level, level)) for level in (0, 80, 160, 240)]
    path = tmp_path / "moving.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, lossless=True)
    assert probe(path).frames == 4
    assert [int(frame[0, 0, 0]) for frame in read_frames(path)] == [0, 80, 160, 240]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "tolerance"),
    [
        ("glass.mov", "png", "rgba", 0),
        ("glass.mov", "qtrle", "argb", 0),
        ("glass.mov", "prores_ks", "yuva444p10le", 3),
        ("glass.webm", "libvpx-vp9", "yuva420p", 6),
        ("glass.webm", "libvpx", "yuva420p", 6),
        ("glass.mkv", "ffv1", "yuva444p", 2),
    ],
)
def test_transparent_video_is_laid_on_white(name, codec, pix_fmt, tolerance, tmp_path, write_media):
    glass = np.zeros((64, 64, 4), np.uint8)
    glass[:, 32:] = (200, 0, 0, 255)
    options = {"auto-alt-ref": "0", "crf": "4", "b": "2M"} if "libvpx" in codec else {}
    film = write_media(
        tmp_path / name, [glass] * 30, codec=codec, pix_fmt=pix_fmt, options={**options, "g": "12"}
    )
    assert probe(film).notes == ("transparent",)
    frames = list(read_frames(film))
    assert len(frames) == probe(film).frames == 30
    assert (frames[0][:, :30] >= 255 - tolerance).all()
    assert np.abs(frames[0][:, 34:].astype(int) - (200, 0, 0)).max() <= tolerance
    assert np.array_equal(list(read_frames(film, 20, 25)), frames[20:25])


def test_a_transparent_animated_webp_is_laid_on_white(tmp_path):
    pictures = [Image.new("RGBA", (40, 30), (level, 0, 0, 255)) for level in (10, 100, 200)]
    for picture in pictures:
        picture.paste((0, 0, 0, 0), (0, 0, 10, 10))
    path = tmp_path / "glass.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, lossless=True)
    frames = list(read_frames(path))
    assert [frame[20, 20].tolist() for frame in frames] == [[10, 0, 0], [100, 0, 0], [200, 0, 0]]
    assert all((frame[:10, :10] == 255).all() for frame in frames)


def test_a_song_with_a_cover_is_no_video(tmp_path, write_media, tone):
    song = write_media(tmp_path / "song.mp3", sound=tone(0.5), sound_codec="mp3")
    with pytest.raises(MediaError) as failure:
        next(read_frames(song))
    assert failure.value.code == "not-a-face-file"
