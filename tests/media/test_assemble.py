"""Segments join into one file that decodes to exactly the segments' frames."""

from fractions import Fraction

import av
import numpy as np
import pytest
import skimage.data

from media.assemble import SYNTHETIC_MARK, concatenate
from media.errors import MediaError
from media.probe import probe
from media.sound import read_sound, sound_blocks
from media.video import STILL_CRF, VideoWriter, read_frames


def write_segment(path, frames, fps=Fraction(25), **options):
    height, width = frames[0].shape[:2]
    with VideoWriter(path, width, height, fps, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def moving(count: int, seed: int = 0, size: tuple[int, int] = (96, 128)) -> list[np.ndarray]:
    """A smooth random picture that drifts: what encoders predict well, but not perfectly."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    picture = np.kron(coarse, np.ones((size[0] // 8, size[1] // 8, 1), np.uint8))
    return [np.roll(picture, 3 * step, axis=1) for step in range(count)]


def track_lengths(path) -> tuple[Fraction, Fraction]:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.start_time == audio.start_time == 0
        return video.duration * video.time_base, audio.duration * audio.time_base


def test_a_still_keeps_its_pixels(tmp_path, psnr):
    """The bar is 40 dB in RGB; halving the colour resolution alone leaves 41.1 dB here."""
    photograph = skimage.data.astronaut()
    film = write_segment(tmp_path / "still.mp4", [photograph] * 25, crf=STILL_CRF)
    frames = list(read_frames(film))
    assert len(frames) == 25
    assert min(psnr(photograph, frame) for frame in frames) >= 40


def test_grey_levels_keep_their_level(tmp_path):
    """No colour cast and no shift: what a wrong matrix or range would show."""
    ramp = np.repeat(np.arange(0, 256, 2, dtype=np.uint8), 2)
    picture = np.broadcast_to(ramp[None, :, None], (64, 256, 3)).copy()
    frame = next(read_frames(write_segment(tmp_path / "grey.mp4", [picture], crf=1)))
    assert np.abs(frame.astype(int) - picture).max() <= 4
    assert abs((frame.astype(float) - picture).mean()) < 0.3


def test_the_file_says_how_its_colours_are_meant(tmp_path):
    with av.open(str(write_segment(tmp_path / "a.mp4", moving(3)))) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


def test_odd_sides_grow_by_one_repeated_line(tmp_path):
    picture = np.full((33, 31, 3), 40, np.uint8)
    picture[-1], picture[:, -1] = 200, 200
    film = write_segment(tmp_path / "odd.mp4", [picture] * 3, crf=1)
    frame = next(read_frames(film))
    assert frame.shape == (34, 32, 3)
    assert np.abs(frame[32:, :30].astype(int) - 200).max() < 8
    assert np.abs(frame[:30, 30:].astype(int) - 200).max() < 8


def test_the_same_frames_give_the_same_bytes(tmp_path):
    one = write_segment(tmp_path / "one.mp4", moving(30))
    two = write_segment(tmp_path / "two.mp4", moving(30))
    assert one.read_bytes() == two.read_bytes()


def test_a_failure_leaves_nothing_behind(tmp_path):
    def frames_of_a_failing_engine():
        yield from moving(1)
        raise RuntimeError("the engine failed")

    def render():
        with VideoWriter(tmp_path / "a.mp4", 128, 96, Fraction(25)) as writer:
            for frame in frames_of_a_failing_engine():
                writer.write(frame)

    with pytest.raises(RuntimeError, match="engine"):
        render()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_an_error(tmp_path):
    with (
        pytest.raises(ValueError, match="does not fit"),
        VideoWriter(tmp_path / "a.mp4", 128, 96, Fraction(25)) as writer,
    ):
        writer.write(np.zeros((96, 126, 3), np.uint8))


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("lengths", [(30, 30, 7), (1, 1, 2), (61,)])
def test_joined_segments_decode_to_the_segments(fps, lengths, tmp_path, write_media, tone):
    segments = [
        write_segment(tmp_path / f"{number}.mp4", moving(length, number), fps)
        for number, length in enumerate(lengths)
    ]
    apart = [frame for segment in segments for frame in read_frames(segment)]
    frames = sum(lengths)
    voice = write_media(tmp_path / "voice.wav", sound=tone(2.345), sound_codec="pcm_s16le")
    concatenate(segments, voice, tmp_path / "result.mp4", fps, frames)

    info = probe(tmp_path / "result.mp4")
    assert (info.fps, info.frames, info.has_audio) == (fps, frames, True)
    assert np.array_equal(list(read_frames(tmp_path / "result.mp4")), apart)
    picture, sound = track_lengths(tmp_path / "result.mp4")
    assert picture == pytest.approx(frames / fps, abs=0.001)
    assert abs(picture - sound) < 1 / fps


def test_seeking_across_the_seams_is_exact(tmp_path):
    segments = [write_segment(tmp_path / f"{n}.mp4", moving(40, n)) for n in range(3)]
    concatenate(segments, None, tmp_path / "result.mp4", Fraction(25), 120)
    whole = list(read_frames(tmp_path / "result.mp4"))
    for start in (39, 40, 41, 79, 80, 119):
        assert np.array_equal(next(read_frames(tmp_path / "result.mp4", start)), whole[start])


def test_the_sound_stays_where_it_was(tmp_path, write_media, tone):
    """A click of ten milliseconds is heard where it was, and nothing before it."""
    sound = np.zeros((1, 48000), np.float32)
    sound[:, 24000:24480] = tone(0.01)
    voice = write_media(tmp_path / "voice.wav", sound=sound, sound_codec="pcm_s16le")
    segment = write_segment(tmp_path / "a.mp4", moving(25))
    concatenate([segment], voice, tmp_path / "result.mp4", Fraction(25), 25)
    begins = np.flatnonzero(np.abs(read_sound(tmp_path / "result.mp4", 48000)) > 0.2)[0]
    assert begins == pytest.approx(24000, abs=48)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_voice_has_as_many_channels_as_before(channels, tmp_path, write_media, tone):
    sound = np.stack([tone(1, hertz=440 * n)[0] for n in range(1, channels + 1)])
    voice = write_media(tmp_path / "voice.flac", sound=sound, sound_codec="flac")
    segment = write_segment(tmp_path / "a.mp4", moving(25))
    concatenate([segment], voice, tmp_path / "result.mp4", Fraction(25), 25)
    blocks = list(sound_blocks(tmp_path / "result.mp4", 48000))
    heard = np.concatenate(blocks, axis=1)[:, :48000]
    assert [int(np.abs(np.fft.rfft(channel)).argmax()) for channel in heard] == [440, 880][
        :channels
    ]


def test_the_index_comes_first_and_the_mark_is_in_the_file(tmp_path):
    segment = write_segment(tmp_path / "a.mp4", moving(25))
    concatenate([segment], None, tmp_path / "r.mp4", Fraction(25), 25, {"title": "Наташа"})
    content = (tmp_path / "r.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / "r.mp4")) as container:
        assert container.metadata["comment"] == SYNTHETIC_MARK
        assert container.metadata["title"] == "Наташа"


def test_a_missing_frame_is_noticed(tmp_path):
    segment = write_segment(tmp_path / "a.mp4", moving(25))
    with pytest.raises(ValueError, match="25 frames, not 26"):
        concatenate([segment], None, tmp_path / "r.mp4", Fraction(25), 26)
    assert not (tmp_path / "r.mp4").exists()


def test_segments_that_do_not_fit_are_noticed(tmp_path):
    small = write_segment(tmp_path / "a.mp4", moving(5))
    large = write_segment(tmp_path / "b.mp4", moving(5, size=(128, 128)))
    with pytest.raises(ValueError, match="other settings"):
        concatenate([small, large], None, tmp_path / "r.mp4", Fraction(25), 10)


def test_a_broken_segment_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(MediaError):
        concatenate([tmp_path / "a.mp4"], None, tmp_path / "r.mp4", Fraction(25), 10)
    assert not (tmp_path / "r.mp4").exists()
