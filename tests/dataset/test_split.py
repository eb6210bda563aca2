"""Lists are split by person: whoever is in one is in no other."""

import wave
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from dataset import split
from dataset.prepare import LISTS
from media.errors import NamedError
from media.pictures import read_picture, write_picture


def write_clip(folder: Path, embedding: np.ndarray | None, seconds: float) -> None:
    folder.mkdir(parents=True)
    with wave.open(str(folder / "audio.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(round(seconds * 32000)))
    if embedding is not None:
        np.save(folder / "identity.npy", embedding)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """Twelve persons in forty clips, mixed among four folders."""
    rng = np.random.default_rng(0)
    faces = rng.normal(size=(12, 128))
    faces *= 1.4 / np.linalg.norm(faces, axis=1, keepdims=True)
    for number in range(40):
        face = faces[number % 12] + rng.normal(size=128) * 0.015
        write_clip(tmp_path / f"group{number % 4}" / f"{number:03d}", face, 2 + number % 3)
    return tmp_path


def lists(prepared: Path) -> dict[str, list[str]]:
    folder = prepared / "filelists"
    return {name: (folder / f"{name}.txt").read_text().split() for name in LISTS}


def test_only_where_nothing_changes_there_was_nothing_to_do(prepared: Path) -> None:
    said = [split.main(prepared, (0.6, 0.2, 0.2), seed).summary() for seed in (0, 0, 1)]
    assert ["nothing to do" in words for words in said] == [False, True, False]


def people(clips: list[str]) -> set[int]:
    return {int(clip.split("/")[1]) % 12 for clip in clips}


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_in_two_lists(prepared: Path, seed: int) -> None:
    report = split.main(prepared, (0.6, 0.2, 0.2), seed)
    found = lists(prepared)
    assert sorted(chain(*found.values())) == sorted(
        path.parent.relative_to(prepared).as_posix() for path in prepared.glob("*/*/audio.wav")
    )
    assert sum(len(people(clips)) for clips in found.values()) == 12
    assert all(found.values())
    minutes = sum(2 + int(clip[-3:]) % 3 for clip in found["train"]) / 60
    assert report.notes[0].endswith(f"{minutes:.1f} min")
    assert len(people(found["train"])) == pytest.approx(7, abs=1)


def test_a_seed_gives_the_same_lists_again(prepared: Path) -> None:
    split.main(prepared, seed=3)
    first = lists(prepared)
    assert split.main(prepared, seed=3).done.fresh == 0
    assert lists(prepared) == first


def test_folders_may_be_persons(prepared: Path) -> None:
    split.main(prepared, (0.5, 0.25, 0.25), by_folder=True)
    groups = [{clip.split("/")[0] for clip in clips} for clips in lists(prepared).values()]
    assert sorted(map(len, groups)) == [1, 1, 2]
    assert len(set.union(*groups)) == 4


def test_one_person_is_for_training(tmp_path: Path) -> None:
    for number in range(3):
        write_clip(tmp_path / "a" / str(number), np.ones(128) * 0.1, 2)
    report = split.main(tmp_path)
    assert len(lists(tmp_path)["train"]) == 3
    assert "--by-folder" in report.notes[-1]


def test_clips_of_other_tools_are_told_by_their_pictures(
    tmp_path: Path, astronaut_file: Path
) -> None:
    face = read_picture(astronaut_file)[60:200, 170:280]
    for name, picture in (("a/1", face), ("b/1", face[:, ::-1])):
        write_clip(tmp_path / name, None, 2)
        write_picture(tmp_path / name / "0.jpg", np.ascontiguousarray(picture))
    split.main(tmp_path)
    assert len(lists(tmp_path)["train"]) == 2


def test_a_long_talker_does_not_fill_a_small_list() -> None:
    seconds = {"long": 1000.0, **{f"p{n}": 10.0 for n in range(40)}}
    for seed in range(5):
        assert "long" in split.assign(seconds, (0.8, 0.1, 0.1), seed)["train"]


def test_wrong_shares_and_empty_folders_are_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(NamedError, match="no shares"):
        split.main(prepared, (-1, 1, 1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NamedError, match="no prepared clips"):
        split.main(tmp_path / "empty")
