"""Windows of five frames and their sound, from either layout of prepared clips."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import NamedError
from media.sound import read_sound
from wav2lip.audio import mel_spectrogram, mel_windows
from wav2lip.training import windows


def test_filelists_say_what_to_learn_from(layout: Path) -> None:
    learned, unseen = windows.load(layout)
    assert [clip.name for clip in learned] == ["a/first", "a/second"]
    assert [(clip.name, clip.person, clip.length) for clip in unseen] == [("b/third", "b", 40)]


def test_the_table_says_who_is_held_out(prepared: Path, clips: Path) -> None:
    learned, unseen = windows.load(prepared, clips / "clips.csv")
    assert [clip.name for clip in learned] == ["talk/first.mp4", "talk/second.mp4"]
    assert [clip.person for clip in unseen] == ["b"]


def test_a_window_hears_what_the_engine_will_let_it_hear(layout: Path) -> None:
    (clip,) = windows.load(layout)[1]
    mel = mel_spectrogram(read_sound(layout / "b" / "third" / "audio.wav"))
    (expected,) = mel_windows(mel, 7, 8, Fraction(25))
    assert clip.mel_window(7) == pytest.approx(expected, abs=0.01)


def test_both_layouts_show_the_same_face(layout: Path, prepared: Path, clips: Path) -> None:
    for clip, other in zip(
        windows.load(layout)[0], windows.load(prepared, clips / "clips.csv")[0], strict=True
    ):
        one, two = (windows.crop_faces(c.faces(10, 5), c.region) for c in (clip, other))
        assert one.shape == two.shape == (5, 96, 96, 3)
        # Faces of one person, framed alike to a few pixels: the lips are redder than the chin.
        assert np.abs(one.mean((0, 1, 2)) - two.mean((0, 1, 2))).max() < 25
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.6


def test_lags_choose_the_clips_and_move_their_sound(
    prepared: Path, clips: Path, tmp_path: Path
) -> None:
    table, lags = clips / "clips.csv", tmp_path / "lags.json"
    lags.write_text(json.dumps({"talk/second.mp4": 2, "talk/third.mp4": 0}))
    (plain,) = (c for c in windows.load(prepared, table)[0] if c.name == "talk/second.mp4")
    (moved,) = windows.load(prepared, table, lags)[0]
    assert moved.name == "talk/second.mp4"
    assert (moved.mel_window(5) == plain.mel_window(7)).all()


def test_mouth_shapes_are_told_where_they_were_measured(
    layout: Path, prepared: Path, clips: Path
) -> None:
    measured = windows.load(prepared, clips / "clips.csv")[0][0].mouth_shapes(3)
    assert measured.shape == (5, 8)
    assert np.isfinite(measured).all()
    assert np.isnan(windows.load(layout)[0][0].mouth_shapes(3)).all()


def test_a_clip_ends_where_a_picture_is_missing(layout: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(layout, tmp_path / "copied")
    (copied / "b" / "third" / "20.jpg").unlink()
    assert windows.load(copied)[1][0].length == 20


def test_what_is_missing_is_named(layout: Path, tmp_path: Path) -> None:
    with pytest.raises(NamedError, match=r"train\.txt is missing"):
        windows.load(tmp_path)
    copied = shutil.copytree(layout, tmp_path / "copied")
    (copied / "filelists" / "val.txt").write_text("\n")
    with pytest.raises(NamedError, match="no clips to validate on"):
        windows.load(copied)
    (copied / "a" / "first" / "audio.wav").unlink()
    with pytest.raises(NamedError, match=r"audio\.wav is missing or damaged"):
        windows.load(copied)


@given(length=st.integers(8, 60), most=st.integers(1, 12), seed=st.integers(0, 1000))
def test_drawn_windows_lie_apart_and_inside(length: int, most: int, seed: int) -> None:
    clip = windows.FolderClip(Path("a/b"), length)
    first = windows.sample_windows(clip, most, np.random.default_rng(seed))
    assert 1 <= len(first) <= most
    assert len(first) == most or len(first) >= (length - 4) // 3
    assert first[0] >= 0
    assert first[-1] + windows.FRAMES <= length
    assert (np.diff(first) >= windows.MIN_SHIFT).all()


def test_a_face_is_placed_by_its_region() -> None:
    picture = np.zeros((1, 128, 128, 3), np.uint8)
    picture[0, 16:112, 16:64, 0] = 255
    whole = windows.crop_faces(picture, (16, 16, 112, 112))
    assert (whole[0, :, :48, 0] == 255).all()
    assert (whole[0, :, 48:, 0] == 0).all()
    # Twice as wide about the middle: still half red; moved by ten pixels, ten columns more.
    moved = windows.crop_faces(picture, (16, 16, 112, 112), np.array([10, 0, 2, 1]))
    assert (moved[0, :, :57, 0] == 255).all()
    assert (moved[0, :, 59:, 0] == 0).all()


def test_persons_are_drawn_by_the_root_of_their_clips() -> None:
    clips = [windows.FolderClip(Path("a/0"), 9)]
    clips += [windows.FolderClip(Path(f"b/{number}"), 9) for number in range(4)]
    assert windows.clip_probabilities(clips) == pytest.approx([1 / 3, *[1 / 6] * 4])


def test_a_table_beside_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamedError, match=r"said by .*filelists"):
        windows.load(tmp_path, table=tmp_path / "clips.csv")
