"""A clip becomes numbers: where the face is, what the mouth does, what is heard."""

from pathlib import Path

import numpy as np
import pytest

from media.errors import NamedError
from wav2lip.compact import mouth_shape
from wav2lip.training import dataset, prepare
from wav2lip.training.faces import STORED

NAMES = ("first", "second", "third")


def test_every_clip_has_faces_mouth_shapes_and_sound(prepared: Path) -> None:
    for path in prepared.glob("*.npz"):
        arrays = np.load(path)
        frames = len(arrays["crops"])
        assert frames >= 35
        assert arrays["crops"].shape == (frames, STORED, STORED, 3)
        assert arrays["points"].shape == (frames, 68, 2)
        assert arrays["raw"].shape == (frames, 8)
        assert arrays["mel"].shape[1] == pytest.approx(frames * 3.2, abs=3)
        # Mouths lie in the lower half of a crop, and the whole face inside it.
        mouth = arrays["points"][:, 48:].astype(float).mean((0, 1))
        assert mouth[0] == pytest.approx(STORED / 2, abs=6)
        assert STORED / 2 < mouth[1] < 105


def test_the_opening_goes_with_the_loudness_it_was_made_with(prepared: Path) -> None:
    arrays = np.load(prepared / "talk__first.mp4.npz")
    opening = arrays["raw"][:, mouth_shape.OPENING]
    loudness = arrays["mel"][:60].mean(0)[(np.arange(len(opening)) * 3.2).astype(int)]
    assert np.corrcoef(opening, loudness)[0, 1] > 0.6


def test_what_is_prepared_is_not_prepared_again(clips: Path, prepared: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.glob("*.npz")}
    assert prepare.main(clips, prepared, processes=1) == len(before)
    assert {path: path.stat().st_mtime_ns for path in prepared.glob("*.npz")} == before


def test_a_limit_spreads_over_a_folder(clips: Path, tmp_path: Path) -> None:
    assert prepare.main(clips, tmp_path, processes=1, limit={"talk": 1}) == 1


def test_persons_and_held_out_come_from_the_table(clips: Path, prepared: Path) -> None:
    loaded = dataset.load(prepared, clips / "clips.csv")
    assert [(c.name, c.person, c.held_out) for c in loaded] == [
        ("talk/first.mp4", "a", False),
        ("talk/second.mp4", "a", False),
        ("talk/third.mp4", "b", True),
    ]
    # Short clips of one person share a rest, one person's rest is not another's.
    assert (loaded[0].rest == loaded[1].rest).all()
    assert (loaded[0].rest != loaded[2].rest).any()


def test_without_a_table_like_faces_are_one_person(prepared: Path) -> None:
    loaded = dataset.load(prepared)
    assert loaded[0].person == loaded[1].person


def test_a_clip_that_the_table_does_not_know_is_an_error(prepared: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("file,person,held_out\ntalk/first.mp4,a,no\n", encoding="utf-8")
    with pytest.raises(NamedError, match=r"no row for talk/second\.mp4"):
        dataset.load(prepared, table)


def test_a_table_need_not_hold_anybody_out(prepared: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("file,person\n" + "".join(f"talk/{n}.mp4,a\n" for n in NAMES))
    assert not any(clip.held_out for clip in dataset.load(prepared, table))


def test_what_cannot_be_read_or_is_hidden_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "._hidden.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    assert prepare.main(tmp_path, out, processes=1) == 0
    (skipped,) = [line for line in capsys.readouterr().out.splitlines() if "skipped" in line]
    assert "broken.mp4: This file cannot be read" in skipped
    with pytest.raises(NamedError) as failure:
        dataset.load(out)
    assert failure.value.code == "nothing-prepared"
