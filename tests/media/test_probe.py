"""What a file is, is decided by its bytes; what is wrong with it has a name."""

import json
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.errors import MediaError
from media.pictures import read_picture
from media.probe import Limits, MediaInfo, content_hash, probe
from media.sound import check_voice
from media.video import read_frames


def code_of(path: Path, limits: Limits = Limits()) -> str:  # noqa: B008 - frozen
    with pytest.raises(MediaError) as failure:
        probe(path, limits)
    assert failure.value.message
    assert failure.value.remedy
    return failure.value.code


@pytest.fixture
def film(tmp_path, write_media, numbered, tone):
    return write_media(
        tmp_path / "film.mp4",
        [numbered(i) for i in range(50)],
        options={"g": "10"},
        sound=tone(2),
        container_options={"movflags": "+faststart"},
    )


def test_the_facts_survive_storage():
    info = MediaInfo("video", 640, 360, Fraction(30000, 1001), 90, Fraction(3003, 1000), True)
    assert info.to_dict()["fps"] == "30000/1001"
    assert MediaInfo.from_dict(info.to_dict()) == info
    noted = MediaInfo("video", 8, 9, Fraction(25), 1, Fraction(1, 25), notes=("hdr", "interlaced"))
    assert MediaInfo.from_dict(json.loads(json.dumps(noted.to_dict()))) == noted
    older = {key: value for key, value in info.to_dict().items() if key != "notes"}
    assert MediaInfo.from_dict(older) == info
    picture = MediaInfo("image", 8, 9)
    assert MediaInfo.from_dict(picture.to_dict()) == picture


def test_a_film_with_sound(film):
    assert probe(film) == MediaInfo("video", 128, 64, Fraction(25), 50, Fraction(2), True)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("voice.wav", "pcm_s16le", 44100),
        ("voice.mp3", "mp3", 44100),
        ("voice.m4a", "aac", 48000),
        ("voice.mp4", "aac", 48000),
        ("voice.flac", "flac", 48000),
        ("voice.ogg", "vorbis", 44100),
        ("voice.opus", "libopus", 48000),
        ("voice.aac", "aac", 48000),
        ("voice.webm", "libopus", 48000),
    ],
)
def test_every_kind_of_voice(name, codec, rate, tmp_path, write_media, tone):
    sound = tone(1.5, rate=rate, channels=2)
    format = {"m4a": "ipod", "aac": "adts"}.get(Path(name).suffix[1:])
    voice = write_media(
        tmp_path / name, sound=sound, sound_codec=codec, sound_rate=rate, format=format
    )
    info = probe(voice)
    assert (info.kind, info.has_audio, info.fps, info.width) == ("audio", True, None, None)
    assert abs(info.duration - Fraction(3, 2)) < Fraction(1, 10)
    check_voice(voice)


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [("a.mp3", "mp3", "mp3"), ("a.flac", "flac", "flac"), ("a.aac", "aac", "adts")],
)
def test_a_tag_before_the_sound(name, codec, format, tmp_path, write_media, tone):
    voice = write_media(tmp_path / name, sound=tone(1), sound_codec=codec, format=format)
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x48" + b"TIT2\x00\x00\x00\x04\x00\x00\x03abc" + bytes(186)
    sound = voice.read_bytes()
    voice.write_bytes(tag + sound)
    info = probe(voice)
    assert info.kind == "audio"
    assert abs(info.duration - 1) < Fraction(1, 10)


def test_names_say_nothing(film, tmp_path, astronaut_file):
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(astronaut_file.read_bytes())
    assert probe(picture).kind == "image"
    renamed = film.rename(tmp_path / "film.png")
    assert probe(renamed).kind == "video"


@pytest.mark.parametrize(
    "name",
    ["it's \"quoted\".mp4", "two\nlines.mp4", "лицо 顔 🙂.mp4", "..%2F..mp4", "concat:a|b.mp4",
     "%03d.mp4", "-i.mp4", "http:__host.mp4"],
)  # fmt: skip
def test_any_name_will_do(name, film):
    hostile = film.rename(film.with_name(name))
    assert probe(hostile).frames == 50
    assert len(list(read_frames(hostile))) == 50


def test_a_way_through_the_parent_folder(film):
    assert probe(film.parent / ".." / film.parent.name / film.name).frames == 50


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.mp4", b"Dear all,\nthis is no video.\n"),
        ("empty.mp4", b""),
        ("short.wav", b"RIFF"),
        ("zeros.mkv", bytes(5000)),
        ("header-only.png", b"\x89PNG\r\n\x1a\n"),
        ("header-only.mkv", b"\x1aE\xdf\xa3" + bytes(100)),
        ("header-only.mp3", b"ID3\x04" + bytes(4000)),
        ("header-only.mp4", b"\x00\x00\x00\x18ftypisom" + bytes(400)),
        ("header-only.wav", b"RIFF\x24\x00\x00\x00WAVE" + bytes(100)),
    ],
)
def test_what_cannot_be_read(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    assert code_of(path) == "unreadable-media"


def test_a_missing_file(tmp_path):
    assert code_of(tmp_path / "nothing.mp4") == "unreadable-media"


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile other.mp4\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 1234 RTP/AVP 96\n",
        b'<?xml version="1.0"?><MPD></MPD>',
        b"%PDF-1.7",
        b"MAC \x96\x0f\x00\x00" + bytes(100),
        b"FORM\x00\x00\x10\x00ILBM" + bytes(100),
        bytes(np.random.default_rng(1).integers(0, 200, 5000, np.uint8)),
        b"\x00\x00\x01\xb3" + bytes(100),
        b"G@\x11\x10" + bytes(184),
    ],
    ids=[
        "playlist",
        "concat",
        "sdp",
        "dash",
        "pdf",
        "ape",
        "ilbm",
        "noise",
        "raw mpeg",
        "half a packet",
    ],
)
def test_what_names_other_files_or_was_not_asked_for_is_refused(content, tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert code_of(path) == "unsupported-type"


def test_a_film_without_its_index(film, tmp_path, write_media, numbered):
    """The index lies at the end of a plain MP4: a broken upload has none."""
    frames = [numbered(i) for i in range(50)]
    whole = write_media(tmp_path / "whole.mp4", frames).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    assert code_of(cut) == "unreadable-media"


@pytest.mark.parametrize("part", [0.6, 0.75, 0.9])
def test_a_film_cut_in_the_middle_is_as_long_as_what_is_left(part, film, number_of):
    whole = film.read_bytes()
    film.write_bytes(whole[: int(len(whole) * part)])
    info = probe(film)
    frames = list(read_frames(film))
    assert 0 < info.frames == len(frames) < 50
    surely = info.frames - 4  # the very last may lack the later pictures they are made from
    assert [number_of(frame) for frame in frames[:surely]] == list(range(surely))


def test_a_damaged_stretch_neither_shortens_a_film_nor_stops_it(film):
    whole = bytearray(film.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 200] = bytes(200)
    film.write_bytes(whole)
    assert len(list(read_frames(film))) == probe(film).frames == 50


def test_one_pixel_is_a_picture(tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert probe(tmp_path / "dot.png") == MediaInfo("image", 1, 1)


@pytest.mark.parametrize("size", [(10000, 6600), (13000, 10000), (20000, 10000), (20000, 10)])
def test_a_huge_picture_is_refused_before_it_is_decoded(size, tmp_path):
    Image.new("1", size).save(tmp_path / "poster.png")
    assert code_of(tmp_path / "poster.png") == "too-large"


def test_half_a_photograph(tmp_path, astronaut_file):
    Image.open(astronaut_file).save(tmp_path / "photo.jpg")
    whole = (tmp_path / "photo.jpg").read_bytes()
    (tmp_path / "photo.jpg").write_bytes(whole[: len(whole) // 2])
    assert code_of(tmp_path / "photo.jpg") == "unreadable-media"
    with pytest.raises(MediaError):
        read_picture(tmp_path / "photo.jpg")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(bytes=1000), "too-large"),
        (Limits(pixels=128 * 64 - 1), "too-large"),
        (Limits(side=127), "too-large"),
        (Limits(duration=Fraction(1)), "too-long"),
        (Limits(frames=49), "too-long"),
        (Limits(streams=1), "too-large"),
    ],
)
def test_limits(limits, code, film):
    assert code_of(film, limits) == code


def test_a_single_picture_gif_is_an_image(tmp_path):
    Image.new("P", (20, 10)).save(tmp_path / "still.gif")
    assert probe(tmp_path / "still.gif") == MediaInfo("image", 20, 10)


def repeated_gif(path: Path, size: tuple[int, int], count: int) -> Path:
    """One frame of one colour, many times: a few kilobytes each."""
    Image.new("P", size).save(path)
    still = path.read_bytes()
    begin = still.index(b",", 13 + 3)
    path.write_bytes(still[:begin] + still[begin:-1] * count + b";")
    return path


def test_a_small_file_of_a_great_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    bomb = repeated_gif(tmp_path / "bomb.gif", (5000, 5000), 2000)
    assert code_of(bomb) == "too-large"


def test_a_gif_of_a_great_many_frames_is_refused(tmp_path):
    many = repeated_gif(tmp_path / "many.gif", (8, 8), 3000)
    assert code_of(many, Limits(frames=2000)) == "too-long"


def test_an_animated_webp_of_many_pixels_is_refused(tmp_path):
    pictures = [Image.new("RGB", (40, 30), (20 * level, 0, 0)) for level in range(10)]
    path = tmp_path / "moving.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, lossless=True)
    assert code_of(path, Limits(animated_pixels=40 * 30 * 10 - 1)) == "too-large"
    assert probe(path, Limits(animated_pixels=40 * 30 * 10)).frames == 10


@pytest.mark.parametrize("part", [0.5, 0.75, 0.99])
def test_a_gif_cut_in_the_middle_is_as_long_as_what_is_left(part, tmp_path):
    pictures = [Image.effect_noise((60, 60), 90) for _ in range(20)]
    path = tmp_path / "cut.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    info = probe(path)
    assert 20 * part - 2 < info.frames < 20
    assert len(list(read_frames(path))) == info.frames


def test_a_gif_frame_that_leaves_the_canvas_does_not_enlarge_it(tmp_path):
    path = repeated_gif(tmp_path / "wide.gif", (20, 10), 3)
    content = bytearray(path.read_bytes())
    second = content.index(b",", content.index(b",", 16) + 10)
    content[second + 1] = 5  # five pixels to the right
    path.write_bytes(content)
    assert {frame.shape for frame in read_frames(path)} == {(10, 20, 3)}


def test_the_cover_of_a_song_is_no_video(tmp_path, write_media, tone):
    import av

    song = tmp_path / "song.mp3"
    with av.open(str(song), "w") as output:
        audio = output.add_stream("mp3", rate=44100, layout="mono")
        cover = output.add_stream("mjpeg", rate=1, options={})
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(tone(1, rate=44100), "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        picture.pts = 0
        output.mux([*cover.encode(picture), *cover.encode(None)])
        output.mux([*audio.encode(frame), *audio.encode(None)])
    info = probe(song)
    assert (info.kind, info.has_audio, info.width) == ("audio", True, None)


def test_content_hash_is_of_the_bytes(tmp_path):
    (tmp_path / "one").write_bytes(b"abc")
    (tmp_path / "two").write_bytes(b"abc")
    assert content_hash(tmp_path / "one") == content_hash(tmp_path / "two")
    assert content_hash(tmp_path / "one").startswith("ba7816bf8f01cfea")


def test_nothing_is_said_on_stderr(film, capfd):
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) * 3 // 4])
    probe(film)
    list(read_frames(film))
    assert capfd.readouterr() == ("", "")


def test_the_light_modules_stay_light():
    import subprocess
    import sys

    check = (
        "import sys, media, media.errors, media.probe;"
        "print([name for name in ('av', 'PIL', 'numpy', 'pydub') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_sound_of_too_many_channels_or_samples(tmp_path):
    def header(channels: int, rate: int) -> bytes:
        layout = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
        data = bytes(2 * channels * 50)
        return b"WAVEfmt \x10\x00\x00\x00" + layout + b"data" + struct.pack("<I", len(data)) + data

    for name, channels, rate in (("many.wav", 9, 48000), ("fast.wav", 2, 4_000_000)):
        content = header(channels, rate)
        path = tmp_path / name
        path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
        assert code_of(path) == "too-large"


def test_too_many_tags(film):
    assert code_of(film, Limits(metadata=5)) == "too-large"


def test_a_film_that_grows_on_the_way(tmp_path, write_media, numbered, monkeypatch):
    film = write_media(tmp_path / "film.mp4", [numbered(i) for i in range(5)])
    monkeypatch.setattr("media.container._LARGEST_CODED", 1000)
    with pytest.raises(MediaError):
        list(read_frames(film))
