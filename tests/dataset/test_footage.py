"""Clips as files: their names, their sound moved, their picture untouched."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dataset.footage import find_videos, link_or_copy, read_clip_sound, shift_sound
from media.errors import NamedError
from media.probe import probe
from media.sound import read_sound, sound_duration
from media.video import read_frames

NTSC = Fraction(30000, 1001)


def noise(number: int, opening: float) -> np.ndarray:
    return (
        np.random.default_rng(number)
        .integers(0, 255, (4, 6, 3), np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)
    )


def onset(samples: np.ndarray) -> float:
    """Seconds of silence before a sound."""
    return float(np.argmax(np.abs(samples) > 0.01)) / 16000


@pytest.fixture(params=[Fraction(25), NTSC], ids=["25", "29.97"])
def clip(
    request: pytest.FixtureRequest, write_footage: Callable[..., Path], tmp_path: Path
) -> Path:
    """A second of speech that is heard ten frames late."""
    return write_footage(
        tmp_path / "a" / "clip.mp4", [(1.0, 0.0)], request.param, picture=noise, late=10
    )


def test_sound_is_moved_and_the_picture_copied(clip: Path, tmp_path: Path) -> None:
    fps = probe(clip).fps
    assert fps is not None
    moved = tmp_path / "moved.mp4"
    shift_sound(clip, moved, 6 / fps)
    assert onset(read_sound(clip)) - onset(read_sound(moved)) == pytest.approx(6 / fps, abs=0.01)
    assert list(map(np.ndarray.tobytes, read_frames(clip))) == list(
        map(np.ndarray.tobytes, read_frames(moved))
    )
    assert probe(moved).fps == fps
    assert sound_duration(moved) == pytest.approx(float(sound_duration(clip)), abs=0.03)
    shift_sound(moved, tmp_path / "back.mp4", -6 / fps)
    back = read_sound(tmp_path / "back.mp4")
    assert onset(back) == pytest.approx(onset(read_sound(clip)), abs=0.01)


def test_what_cannot_be_copied_is_encoded(clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    with av.open(str(clip)) as given, av.open(str(other), "w") as made:
        tracks = {stream: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream]
                made.mux(packet)
    moved = tmp_path / "moved.mp4"
    shift_sound(other, moved, Fraction(1, 5))
    frames = list(zip(read_frames(other), read_frames(moved), strict=True))
    assert len(frames) == probe(clip).frames
    assert max(np.abs(a.astype(int) - b).mean() for a, b in frames) < 12
    assert onset(read_sound(clip)) - onset(read_sound(moved)) == pytest.approx(0.2, abs=0.02)


def test_sound_from_any_moment_on(clip: Path) -> None:
    whole = read_clip_sound(clip, Fraction(0), Fraction(1), 16000)
    assert len(whole) == 16000
    part = read_clip_sound(clip, Fraction(1, 2), Fraction(1), 16000)
    assert np.array_equal(part[:8000], whole[8000:])
    assert not part[-6000:].any()
    assert not read_clip_sound(clip, Fraction(-1), Fraction(1), 16000).any()


def test_names_are_those_of_the_folder(clip: Path, tmp_path: Path) -> None:
    link_or_copy(clip, tmp_path / "b.MOV")
    link_or_copy(clip, tmp_path / ".hidden.mp4")
    (tmp_path / "made").mkdir()
    link_or_copy(clip, tmp_path / "made" / "c.mp4")
    assert list(find_videos(tmp_path, tmp_path / "made")) == ["a/clip", "b"]
    assert find_videos(clip, tmp_path) == {"clip": clip}
    (tmp_path / "empty").mkdir()
    with pytest.raises(NamedError, match="There is no video"):
        find_videos(tmp_path / "empty", tmp_path)


def test_nothing_is_written_over_what_is_read(clip: Path) -> None:
    with pytest.raises(NamedError) as failure:
        find_videos(clip.parent, clip.parent / ".." / clip.parent.name)
    assert failure.value.code == "same-folder"


def test_no_video_hides_another_of_its_name(clip: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mov"):
        link_or_copy(clip, tmp_path / name)
    with pytest.raises(NamedError, match=r"a\.mov and .*a\.mp4 would both become a\."):
        find_videos(tmp_path, tmp_path / "out")
