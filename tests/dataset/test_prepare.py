"""Clips become folders of faces and sound, as Wav2Lip is trained on."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dataset import keep, prepare
from face_detection.landmarks import landmarks
from media.errors import NamedError
from media.pictures import read_picture
from media.probe import probe
from media.sound import read_sound
from media.video import read_frames
from wav2lip.compact.mouth_shape import OPENING, measure

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def clips(write_footage: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As LRS2 lies on the disk: main/<id>/<clip>.mp4."""
    folder = tmp_path_factory.mktemp("lrs2") / "main"
    write_footage(folder / "0001" / "00001.mp4", [(1.4, 0.0)])
    write_footage(folder / "0001" / "00002.mp4", [(0.6, 0.0)])
    write_footage(folder / "0002" / "00001.mp4", [(1.2, 0.0)], NTSC, seed=2)
    return folder


@pytest.fixture(scope="module")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    report = prepare.main(clips, out)
    dropped = {each.name: each.reason for each in report.done.outcomes if each.reason}
    assert dropped == {"0001/00002": "face in sight for less than 1 s: 15 frames"}
    return out


def test_a_face_for_each_frame_and_sound_as_long(prepared: Path) -> None:
    for name, seconds in (("0001/00001", 1.4), ("0002/00001", 1.2)):
        folder = prepared / name
        pictures = sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem))
        assert [path.stem for path in pictures] == [str(n) for n in range(len(pictures))]
        assert len(pictures) == pytest.approx(25 * seconds, abs=1)
        samples = read_sound(folder / "audio.wav")
        assert len(samples) == len(pictures) * 640
        assert probe(folder / "audio.wav").duration == Fraction(len(pictures), 25)
        assert np.load(folder / "identity.npy").shape == (128,)


def test_the_face_fills_the_picture(prepared: Path) -> None:
    face = read_picture(prepared / "0001" / "00001" / "10.jpg")
    height, width = face.shape[:2]
    points = landmarks(face, (0, 0, width, height))
    (left, top), (right, bottom) = points.min(0), points.max(0)
    assert left == pytest.approx(0, abs=0.12 * width)
    assert right == pytest.approx(width, abs=0.12 * width)
    assert bottom == pytest.approx(0.92 * height, abs=0.1 * height)
    assert top > 0


def test_mouth_and_sound_stay_together(prepared: Path) -> None:
    folder = prepared / "0001" / "00001"
    faces = [read_picture(folder / f"{n}.jpg") for n in range(35)]
    points = np.stack([landmarks(f, (0, 0, f.shape[1], f.shape[0])) for f in faces])
    opening = measure(points)[:, OPENING]
    loudness = read_sound(folder / "audio.wav").reshape(35, 640).std(1)
    fits = {
        lag: np.corrcoef(opening[5:-5], loudness[5 + lag : 30 + lag])[0, 1] for lag in range(-5, 6)
    }
    assert max(fits, key=lambda lag: fits[lag]) in (-1, 0, 1)


def test_lists_say_what_is_prepared(clips: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("0001/00001 NF\n0009/00001\n")
    (lists / "val.txt").write_text("0001/00002\n")
    out = tmp_path / "out"
    assert [each.name for each in prepare.main(clips, out, lists=lists).kept] == ["0001/00001"]
    assert (out / "filelists" / "train.txt").read_text() == "0001/00001\n"
    assert (out / "filelists" / "val.txt").read_text() == ""
    with pytest.raises(NamedError, match=r"no train\.txt"):
        prepare.main(clips, out, lists=tmp_path)


def test_clips_that_are_listed_and_not_there_are_counted(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0001/00002\n0009/00001\n")
    report = prepare.main(clips, tmp_path / "out", lists=tmp_path)
    assert report.notes == ["2 clips are listed, 1 of them not there."]
    with pytest.raises(NamedError, match="of LRS2 that is `main`"):
        prepare.main(clips.parent, tmp_path / "other", lists=tmp_path)


def test_names_have_two_levels_and_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare.prepared_name("c", Path()) == f"{tmp_path.name}/c"
    assert prepare.prepared_name("her day/clip 1", Path("main")) == "her_day/clip_1"
    assert prepare.prepared_name("0001/00001", Path("main")) == "0001/00001"
    assert prepare.prepared_name("a/b/c", Path("main")) == "a-b/c"
    assert prepare.prepared_name("c", Path("talks")) == "talks/c"


def test_with_several_people_somebody_must_be_meant(
    write_footage: Callable[..., Path], photograph: Path, tmp_path: Path
) -> None:
    alone = write_footage(tmp_path / "alone.mp4", [(1.2, 0.0)])
    frames = list(read_frames(alone))
    both = tmp_path / "clips" / "both.mp4"
    write_footage(
        both,
        [(1.2, 0.0)],
        picture=lambda n, _: np.concatenate([frames[n], frames[n][:, ::-1]], axis=1),
    )
    (dropped,) = prepare.main(tmp_path / "clips", tmp_path / "out").done.outcomes
    assert dropped.reason.startswith("several people: 2")
    keep.main(tmp_path / "clips", tmp_path / "kept", [photograph])
    assert len(prepare.main(tmp_path / "kept", tmp_path / "second").kept) == 1
