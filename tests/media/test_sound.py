"""Voices are heard to the sample, and mixed without clipping."""

import re
import tracemalloc
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from media import sound as media_sound
from media.errors import MediaError
from media.mixing import mix, stereo_blocks
from media.sound import (
    check_voice,
    keep_decoded,
    read_sound,
    sound_duration,
    soundtrack_delay,
)


@pytest.fixture
def voice(tmp_path, write_media, tone):
    """A tone of 440 Hz, half of full scale, one second."""
    return write_media(tmp_path / "voice.wav", sound=tone(1), sound_codec="pcm_s16le")


def code_of(path) -> str:
    with pytest.raises(MediaError) as failure:
        check_voice(path)
    return failure.value.code


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def samples_of(path, channels: int = 1) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (48000, channels)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").reshape(-1, channels) / 32767


def test_sound_is_mono_at_the_rate_asked_for(voice):
    samples = read_sound(voice)
    assert samples.dtype == np.float32
    assert samples.shape == (16000,)
    assert 0.49 < samples.max() < 0.51
    strongest = np.abs(np.fft.rfft(samples)).argmax()
    assert strongest == 440


@pytest.fixture
def decodes(monkeypatch):
    """The files that are opened to decode their sound, as they are."""
    opened = []
    decode = media_sound._decoded_sound
    monkeypatch.setattr(
        media_sound, "_decoded_sound", lambda path: opened.append(path) or decode(path)
    )
    return opened


def test_a_voice_is_checked_and_measured_in_one_decode(voice, decodes):
    assert check_voice(voice) == 1
    assert decodes == [voice]


def test_a_mix_decodes_each_sound_once(voice, tmp_path, decodes):
    mix([(voice, 0, 6.0), (voice, 0, 6.0)], None, Fraction(2), tmp_path / "mix.wav")
    assert decodes == [voice, voice]


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("b.m4a", "aac")])
def test_kept_sounds_are_the_decoded_ones_to_the_bit(
    tmp_path, write_media, tone, decodes, name, codec
):
    path = write_media(tmp_path / name, sound=tone(1.3), sound_codec=codec)
    plain, blocks = read_sound(path), [*stereo_blocks(path, 96000)]
    length = sound_duration(path)
    decodes.clear()
    with keep_decoded():
        assert check_voice(path) == length
        assert np.array_equal(read_sound(path), plain)
        # Two readers at the same time do not disturb each other.
        for one, other, block in zip(
            stereo_blocks(path, 96000), stereo_blocks(path, 96000), blocks, strict=True
        ):
            assert np.array_equal(one, block)
            assert np.array_equal(other, block)
        assert decodes == [path]
    read_sound(path)
    assert decodes == [path, path]


def test_a_sound_beyond_the_bound_is_not_kept(voice, decodes):
    with keep_decoded(most_bytes=48000 * 2 - 1):  # a second of 16 bits at 48 kHz
        assert np.array_equal(read_sound(voice), read_sound(voice))
    assert decodes == [voice, voice]


def test_a_file_that_has_changed_is_decoded_anew(voice, tmp_path, write_media, tone, decodes):
    with keep_decoded():
        assert len(read_sound(voice)) == 16000
        write_media(voice, sound=tone(2), sound_codec="pcm_s16le")
        assert len(read_sound(voice)) == 32000
    assert decodes == [voice, voice]


def test_two_channels_are_averaged(tmp_path, write_media, tone):
    left_only = np.concatenate([tone(1), np.zeros((1, 48000), np.float32)])
    path = write_media(tmp_path / "left.flac", sound=left_only, sound_codec="flac")
    assert read_sound(path, 48000).max() == pytest.approx(0.25, abs=0.001)


def test_duration_is_counted_in_samples(tmp_path, write_media, tone):
    path = write_media(
        tmp_path / "odd.wav",
        sound=tone(1.2345, rate=44100),
        sound_rate=44100,
        sound_codec="pcm_s16le",
    )
    assert sound_duration(path) == Fraction(54441, 44100)


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.opus", "libopus")])
def test_what_encoders_put_before_the_sound_is_taken_off(name, codec, tmp_path, write_media, tone):
    sound = np.concatenate([np.zeros((1, 4800), np.float32), tone(0.5)], axis=1)
    path = write_media(
        tmp_path / name, sound=sound, sound_codec=codec, format={"m4a": "ipod"}.get(name[2:])
    )
    begins = np.flatnonzero(np.abs(read_sound(path, 48000)) > 0.2)[0]
    assert begins == pytest.approx(4800, abs=60)


@pytest.mark.parametrize("seconds", [0.5, 0.99, 1.0, 1.01])
def test_what_encoders_put_after_the_sound_is_taken_off(seconds, tmp_path, write_media, tone):
    path = write_media(tmp_path / "a.m4a", sound=tone(seconds), format="ipod")
    assert sound_duration(path) == Fraction(round(seconds * 48000), 48000)
    assert len(read_sound(path)) == pytest.approx(seconds * 16000, abs=1)


@pytest.mark.parametrize(
    ("name", "format", "codec", "rate"),
    [
        ("mac.aiff", "aiff", "pcm_s16be", 48000),
        ("memo.caf", "caf", "pcm_s16le", 48000),
        ("unix.au", "au", "pcm_s16be", 8000),
        ("long.w64", "w64", "pcm_s16le", 48000),
        ("long.wav", "wav", "pcm_s16le", 48000),
        ("phone.amr", "amr", "libopencore_amrnb", 8000),
        ("disc.ac3", "ac3", "ac3", 48000),
        ("disc.ac3", "eac3", "eac3", 48000),
        ("windows.wma", "asf", "wmav2", 44100),
    ],
)
def test_what_phones_and_other_systems_record_is_taken(
    name, format, codec, rate, tmp_path, write_media, tone
):
    path = write_media(
        tmp_path / name,
        sound=tone(1, rate=rate),
        sound_codec=codec,
        sound_rate=rate,
        sound_options={"b": "64000"} if codec == "wmav2" else {},
        format=format,
        container_options={"rf64": "always"} if format == "wav" else {},
    )
    samples = read_sound(path)
    assert check_voice(path) == pytest.approx(1, abs=0.04)
    assert len(samples) == pytest.approx(16000, abs=640)
    assert np.abs(np.fft.rfft(samples, 16000)).argmax() == pytest.approx(440, abs=2)


@pytest.fixture
def float_wav(tmp_path, write_media):
    """Write samples (n,) as a WAV of 32-bit floats at 16 kHz."""

    def write(samples, name="floats.wav"):
        sound = np.asarray(samples, np.float32)[None]
        return write_media(tmp_path / name, sound=sound, sound_codec="pcm_f32le", sound_rate=16000)

    return write


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_is_read_to_its_last_sample(size, float_wav, tone):
    said = tone(1.03, rate=16000)[0]
    path = float_wav(said)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(
        data[:4] + size.to_bytes(4, "little") + data[8:at]
        + size.to_bytes(4, "little") + data[at + 4 :]
    )  # fmt: skip
    assert np.array_equal(read_sound(path), said)
    path.write_bytes(path.read_bytes() * 2)
    assert np.array_equal(read_sound(path), np.tile(said, 2))


def test_wavs_one_after_the_other_are_all_heard(float_wav, write_media, tmp_path, tone):
    said = tone(0.5, rate=16000)[0]
    other = write_media(
        tmp_path / "b.wav", sound=tone(0.5, level=0.25), sound_codec="pcm_s16le"
    )  # at another sampling rate
    path = float_wav(said)
    path.write_bytes(path.read_bytes() + other.read_bytes() + path.read_bytes())
    heard = read_sound(path)
    assert check_voice(path) == Fraction(3, 2)
    assert np.array_equal(heard[:8000], said)
    assert loudness(heard[8000:16000]) == pytest.approx(loudness(said) / 2, rel=0.01)
    assert np.array_equal(heard[16000:], said)


@pytest.mark.parametrize("damage", [np.nan, np.inf, -np.inf, 1e30])
def test_samples_that_are_not_numbers_count_as_zero(damage, float_wav, tone):
    said = tone(0.5, rate=16000)[0]
    good, bad = said.copy(), said.copy()
    good[4000:4003], bad[4000:4003] = 0, damage
    # Resampled, one such sample would spoil all that are near.
    heard = read_sound(float_wav(bad, "bad.wav"), 48000)
    assert np.array_equal(heard, read_sound(float_wav(good, "good.wav"), 48000))


@pytest.mark.parametrize("times", [2.5, 30000])
def test_samples_beyond_full_scale_are_scaled_down(times, float_wav, tone, tmp_path):
    said = np.concatenate([tone(0.5, rate=16000), tone(0.5, rate=16000, level=0.1)], axis=1)[0]
    mix([(float_wav(2 * said * times), 0, 0.0)], None, Fraction(1), tmp_path / "mix.wav")
    mixed = samples_of(tmp_path / "mix.wav")[:, 0]
    expected = read_sound(float_wav(2 * said), 48000)
    assert np.abs(mixed - expected / np.abs(expected).max()).max() < 2 / 32767


def test_a_good_voice_passes(voice):
    check_voice(voice)


@pytest.mark.parametrize(("channels", "place"), [(3, 2), (6, 3), (8, 3), (8, 7)])
def test_every_channel_that_has_no_name_is_heard(channels, place, tone, tmp_path):
    """A recorder with several microphones says only how many; none is for low effects."""
    path, said = tmp_path / "microphones.wav", tone(1, rate=16000)[0]
    samples = np.zeros((len(said), channels))
    samples[:, place] = said
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    assert loudness(read_sound(path)) > 0.2 * loudness(said)
    mix([(path, 0, 0.0)], None, Fraction(1), tmp_path / "mix.wav")
    assert loudness(read_sound(tmp_path / "mix.wav")) > 0.2 * loudness(said)


def test_a_silent_voice(tmp_path, write_media):
    silence = np.zeros((1, 48000), np.float32)
    path = write_media(tmp_path / "silent.wav", sound=silence, sound_codec="pcm_s16le")
    assert code_of(path) == "voice-silent"


def test_a_voice_of_a_twentieth_of_a_second(tmp_path, write_media, tone):
    path = write_media(tmp_path / "click.wav", sound=tone(0.05), sound_codec="pcm_s16le")
    assert code_of(path) == "voice-too-short"


def test_a_picture_is_no_voice(tmp_path):
    Image.new("RGB", (10, 10)).save(tmp_path / "voice.wav", format="PNG")
    assert code_of(tmp_path / "voice.wav") == "not-a-voice"


def test_a_silent_film_is_no_voice(tmp_path, write_media, numbered):
    assert code_of(write_media(tmp_path / "film.mp4", [numbered(0)] * 5)) == "no-audio-track"


def test_a_text_is_no_voice(tmp_path):
    (tmp_path / "voice.wav").write_text("hello hello")
    assert code_of(tmp_path / "voice.wav") == "unreadable-media"


def test_the_sound_of_a_film_is_a_voice(tmp_path, write_media, numbered, tone):
    film = write_media(tmp_path / "film.mp4", [numbered(i) for i in range(25)], sound=tone(1))
    check_voice(film)
    assert loudness(read_sound(film)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_one_voice_comes_out_as_it_went_in(voice, tmp_path, tone):
    mix([(voice, 0, 0.0)], None, Fraction(1), tmp_path / "mix.wav")
    mixed = samples_of(tmp_path / "mix.wav")
    assert np.abs(mixed - tone(1).T).max() < 2 / 32767


def test_two_channels_stay_two(voice, tmp_path, write_media, tone):
    """Also where both are the same: players that take 3 dB off mono would play it more quietly."""
    left, right = tone(1, hertz=440), tone(1, hertz=660)
    for name, sound in (("both.flac", [left, right]), ("same.flac", [left, left])):
        path = write_media(tmp_path / name, sound=np.concatenate(sound), sound_codec="flac")
        mix([(path, 0, 0.0)], None, Fraction(1), tmp_path / "mix.wav")
        mixed = samples_of(tmp_path / "mix.wav", 2)
        assert np.abs(mixed - np.concatenate(sound).T).max() < 2 / 32767
    mix([(voice, 0, 0.0)], path, Fraction(1), tmp_path / "mix.wav")
    assert len(samples_of(tmp_path / "mix.wav", 2)) == 48000


@pytest.mark.parametrize("seconds", [Fraction(1, 2), Fraction(1001, 300), Fraction(7, 3)])
def test_a_mix_is_as_long_as_asked(seconds, voice, tmp_path):
    mix([(voice, 0, 0.0)], None, seconds, tmp_path / "mix.wav")
    mixed = samples_of(tmp_path / "mix.wav")
    assert len(mixed) == round(seconds * 48000)
    assert not mixed[48000:].any()


def test_voices_start_when_they_should(voice, tmp_path, tone, write_media):
    other = write_media(tmp_path / "b.wav", sound=tone(0.5, level=0.25), sound_codec="pcm_s16le")
    voices = [(voice, 0, 0.0), (other, Fraction(3, 2), -6.0)]
    mix(voices, None, Fraction(3), tmp_path / "mix.wav", level_voices=False)
    mixed = samples_of(tmp_path / "mix.wav")[:, 0]
    assert mixed[:48000].max() == pytest.approx(0.5, abs=0.001)
    assert not mixed[48000:72000].any()
    assert mixed[72000:96000].max() == pytest.approx(0.25 * 10 ** (-6 / 20), abs=0.001)
    assert not mixed[96000:].any()


def test_loud_voices_are_made_quieter_instead_of_clipped(tmp_path, tone, write_media):
    loud = write_media(tmp_path / "loud.wav", sound=tone(1, level=0.9), sound_codec="pcm_s16le")
    mix([(loud, 0, 0.0), (loud, 0, 6.0)], None, Fraction(1), tmp_path / "mix.wav")
    mixed = samples_of(tmp_path / "mix.wav")[:, 0]
    assert mixed.max() == pytest.approx(1.0, abs=0.001)
    assert np.abs(mixed - tone(1, level=1.0)[0]).max() < 0.001


def test_several_voices_are_brought_to_one_loudness(tmp_path, tone, write_media):
    """A loud one on one side and a quiet one in mono are heard alike."""
    loud = np.concatenate([tone(2), np.zeros((1, 96000), np.float32)])
    paths = [
        write_media(tmp_path / name, sound=sound, sound_codec="flac")
        for name, sound in (("a.flac", loud), ("b.flac", tone(2, hertz=880, level=0.05)))
    ]
    voices = [(paths[0], 0, 0.0), (paths[1], 2, 0.0)]

    def played(level_voices, voices=voices):
        mix(voices, None, Fraction(4), tmp_path / "mix.wav", level_voices=level_voices)
        mixed = samples_of(tmp_path / "mix.wav", 2)
        halves = mixed[9600:86400], mixed[105600:182400]
        return [float(np.sum(half**2) / len(half)) for half in halves]

    first, second = played(level_voices=True)
    assert first == pytest.approx(0.5**2 / 2, rel=0.02)  # the loudest stays as it is
    assert 10 * np.log10(second / first) == pytest.approx(0, abs=0.7)  # K-weighting of 880 Hz
    quieter = [(paths[0], 0, 0.0), (paths[1], 2, -6.0)]
    assert 10 * np.log10(played(True, quieter)[1] / second) == pytest.approx(-6, abs=0.05)
    untouched = played(level_voices=False)
    assert untouched == pytest.approx([0.5**2 / 2, 0.05**2], rel=0.02)


def test_the_soundtrack_stays_under_the_voice(voice, tmp_path, write_media, numbered, tone):
    film = write_media(
        tmp_path / "film.mkv",
        [numbered(i) for i in range(50)],
        sound=tone(2, hertz=1000, level=0.4),
        sound_codec="flac",
    )
    mix([(voice, 0, 0.0)], film, Fraction(3), tmp_path / "mix.wav")
    mixed = samples_of(tmp_path / "mix.wav")[:, 0]
    assert loudness(mixed[48000:96000]) == pytest.approx(0.2 / np.sqrt(2), rel=0.02)
    spectrum = np.abs(np.fft.rfft(mixed[:48000]))
    assert set(np.argsort(spectrum)[-2:]) == {440, 1000}
    assert not mixed[97000:].any()
    mix([(voice, 0, 0.0)], film, Fraction(3), tmp_path / "mix.wav", soundtrack_gain=0.0)
    louder = samples_of(tmp_path / "mix.wav")[:, 0]
    assert loudness(louder[48000:96000]) == pytest.approx(0.4 / np.sqrt(2), rel=0.02)


TRACKS = [
    ("film.mkv", "libx264", "flac"),
    ("film.mkv", "libx264", "aac"),
    ("film.webm", "libvpx", "libopus"),
    ("film.mp4", "libx264", "aac"),
    ("film.mp4", "libx264", "libopus"),
    ("film.mov", "libx264", "pcm_s16le"),
]


@pytest.fixture
def write_film(tmp_path, numbered):
    """A film of two seconds whose sounds and picture begin when asked."""

    def write(name, codec, sound_codec, sounds, picture_from=0.0, sound_from=0.0, default=0):
        with av.open(str(tmp_path / name), "w") as output:
            video = output.add_stream(codec, rate=25)
            video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
            tracks = [output.add_stream(sound_codec, rate=48000, layout="mono") for _ in sounds]
            for number, track in enumerate(tracks):
                track.disposition = Disposition.default if number == default else Disposition(0)
            for number in range(50):
                picture = av.VideoFrame.from_ndarray(numbered(number), "rgb24")
                picture.pts = number + round(picture_from * 25)
                output.mux(video.encode(picture))
            output.mux(video.encode(None))
            for track, sound in zip(tracks, sounds, strict=True):
                frame = av.AudioFrame.from_ndarray(sound, "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, round(sound_from * 48000)
                output.mux([*track.encode(frame), *track.encode(None)])
        return tmp_path / name

    return write


@pytest.mark.parametrize("film", TRACKS, ids=lambda film: "-".join(film))
@pytest.mark.parametrize(("picture_from", "sound_from"), [(0, 0), (0, 0.5), (0.2, 0)])
def test_a_soundtrack_keeps_its_distance_from_the_picture(
    film, picture_from, sound_from, write_film, tone, tmp_path
):
    """A quarter of a second of silence, a click: heard within two milliseconds of its moment."""
    click = np.concatenate([np.zeros((1, 12000), np.float32), tone(1)], axis=1)
    path = write_film(*film, [click], picture_from, sound_from)
    mix([], path, Fraction(2), tmp_path / "mix.wav")
    begins = np.flatnonzero(np.abs(samples_of(tmp_path / "mix.wav")[:, 0]) > 0.05)[0]
    assert begins == pytest.approx(12000 + (sound_from - picture_from) * 48000, abs=96)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.mp4", "libopus")])
def test_a_soundtrack_goes_on_at_its_time_after_a_gap(name, codec, numbered, tone, tmp_path):
    """Half a second of sound, half a second lost, half a second of sound."""
    with av.open(str(tmp_path / name), "w") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p"
        track = output.add_stream(codec, rate=48000, layout="mono")
        picture = av.VideoFrame.from_ndarray(numbered(0), "rgb24")
        output.mux([*video.encode(picture), *video.encode(None)])
        for begin in (0, 48000):
            for at in range(0, 24000, 960):
                frame = av.AudioFrame.from_ndarray(tone(0.02), "fltp", "mono")
                frame.sample_rate, frame.pts = 48000, begin + at
                output.mux(track.encode(frame))
        output.mux(track.encode(None))
    mix([], tmp_path / name, Fraction(2), tmp_path / "mix.wav", soundtrack_gain=0.0)
    loud = [loudness(part) > 0.1 for part in np.split(samples_of(tmp_path / "mix.wav")[:, 0], 40)]
    known = [n for n in range(40) if n % 10 not in (0, 9)]  # beside an edge it is between
    assert [loud[n] for n in known] == [n // 10 in (0, 2) for n in known]


def test_a_late_voice_takes_no_room_before_it_begins(voice):
    tracemalloc.start()
    first = next(stereo_blocks(voice, 3600 * 48000, start=3500))
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not first.any()
    assert taken < 4 * first.nbytes


def test_a_run_in_that_was_written_twice_is_counted_once(write_film, tone):
    """As FFmpeg 5 writes WebM: the picture comes seven milliseconds late, the sound does not."""
    film = write_film("film.webm", "libvpx", "libopus", [tone(1)])
    written = film.read_bytes()
    cluster = written.index(b"\x1f\x43\xb6\x75")
    moved = re.sub(
        rb"(\x81)(..)(\x80|\x00)(?=.{3}\x9d\x01\x2a)",
        lambda block: block[1] + (7).to_bytes(2, "big") + block[3],
        written[cluster:],
        count=1,
        flags=re.DOTALL,
    )
    assert moved != written[cluster:]
    film.write_bytes(written[:cluster] + moved)
    assert soundtrack_delay(film) == 0


@pytest.mark.parametrize("default", [0, 1])
@pytest.mark.parametrize("name", ["film.mkv", "film.mp4"])
def test_of_several_soundtracks_the_default_one_is_heard(name, default, write_film, tone):
    sounds = [tone(2, hertz=440), tone(2, hertz=1000)]
    film = write_film(name, "libx264", "aac", sounds, default=default)
    spectrum = np.abs(np.fft.rfft(read_sound(film)[:16000]))
    assert spectrum.argmax() == (440, 1000)[default]
    assert sound_duration(film) == pytest.approx(2, abs=0.03)


def test_without_a_default_the_first_soundtrack_is_heard(write_film, tone):
    sounds = [tone(2, hertz=440), tone(2, hertz=1000)]
    film = write_film("film.mkv", "libx264", "flac", sounds, default=None)
    assert np.abs(np.fft.rfft(read_sound(film)[:16000])).argmax() == 440
