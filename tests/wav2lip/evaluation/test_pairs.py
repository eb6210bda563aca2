"""Lists of who is to speak what."""

import wave
from pathlib import Path

import pytest

from media.errors import NamedError
from wav2lip.evaluation import pairs
from wav2lip.evaluation.pairs import Pair


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("anna/1.mp4", "anna/2.mp4", "berta/1.mp4", "voice.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(bytes(16000))
    return tmp_path


def listed(folder: Path, text: str) -> list[Pair]:
    path = folder / "pairs.txt"
    path.write_text(text)
    return pairs.from_list(path, folder)


def test_a_folder_holds_a_person_in_each_subfolder(folder: Path) -> None:
    assert pairs.from_folder(folder) == [
        (folder / "anna/1.mp4", "anna"),
        (folder / "anna/2.mp4", "anna"),
        (folder / "berta/1.mp4", "berta"),
    ]


def test_everybody_gets_a_voice_of_somebody_else(folder: Path) -> None:
    clips = pairs.from_folder(folder)
    assert pairs.with_other_voices(clips) == [
        Pair(folder / "anna/1.mp4", "anna", folder / "berta/1.mp4"),
        Pair(folder / "anna/2.mp4", "anna", folder / "berta/1.mp4"),
        Pair(folder / "berta/1.mp4", "berta", folder / "anna/1.mp4"),
    ]


def test_a_single_person_gets_the_voice_of_another_clip(folder: Path) -> None:
    clips = [(folder / "anna/1.mp4", "anna"), (folder / "anna/2.mp4", "anna")]
    assert [pair.other.name for pair in pairs.with_other_voices(clips)] == ["2.mp4", "1.mp4"]


def test_nobody_gets_the_voice_of_a_broken_clip(folder: Path) -> None:
    (folder / "berta/1.mp4").write_bytes(b"broken")
    found = {pair.face: pair.other for pair in pairs.with_other_voices(pairs.from_folder(folder))}
    assert found[folder / "anna/1.mp4"] == folder / "anna/2.mp4"
    assert found[folder / "berta/1.mp4"] == folder / "anna/1.mp4"


def test_half_a_minute_is_enough_of_anybody(folder: Path) -> None:
    found = pairs.with_other_voices(pairs.from_folder(folder))
    assert [pair.person for pair in pairs.limit_seconds(found, 0.4)] == ["anna", "berta"]
    assert [pair.person for pair in pairs.limit_seconds(found, 0.6)] == ["anna", "anna", "berta"]


def test_a_film_gets_all_the_voices_it_is_listed_with(folder: Path) -> None:
    found = listed(folder, "anna/1.mp4 voice.wav\nanna/1.mp4 berta/1.mp4\nanna/1.mp4 anna/2.mp4\n")
    assert pairs.limit_seconds(found, 0.1) == found


def test_what_has_no_sound_does_not_count_as_enough(folder: Path) -> None:
    (folder / "anna/1.mp4").write_bytes(b"broken")
    found = pairs.with_other_voices(pairs.from_folder(folder))
    assert [pair.face.name for pair in pairs.limit_seconds(found, 0.1)] == [
        "1.mp4",
        "2.mp4",
        "1.mp4",
    ]


def test_what_is_hidden_is_no_clip(folder: Path) -> None:
    for hidden in ("anna/._1.mp4", ".unfinished/1.mp4"):
        (folder / hidden).parent.mkdir(exist_ok=True)
        (folder / hidden).write_bytes(b"")
    assert [person for _, person in pairs.from_folder(folder)] == ["anna", "anna", "berta"]


def test_a_table_names_who_is_held_out(folder: Path) -> None:
    table = folder / "clips.csv"
    table.write_text(
        "file,person,held_out,voice\n"
        "anna/1.mp4,a,no,yes\nberta/1.mp4,b,yes,yes\nberta/2.mp4,b,yes,no\n"
    )
    assert pairs.from_table(table, folder) == [(folder / "berta/1.mp4", "b")]


def test_a_table_without_persons_is_refused(folder: Path) -> None:
    table = folder / "clips.csv"
    table.write_text("file\nanna/1.mp4\n")
    with pytest.raises(NamedError) as failure:
        pairs.from_table(table, folder)
    assert failure.value.code == "bad-list"
    assert "person" in failure.value.message


@pytest.mark.parametrize("rows", ["a.mp4,\n", "a.mp4,a\na.mp4,b\n"], ids=["nobody", "twice"])
def test_a_table_says_of_each_clip_who_is_on_it(tmp_path: Path, rows: str) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("file,person\n" + rows)
    with pytest.raises(NamedError, match="does not say who is on the clips"):
        pairs.from_table(table, tmp_path)


def test_the_papers_lists_are_understood(folder: Path) -> None:
    anna, berta, voice = (folder / name for name in ("anna/1.mp4", "berta/1.mp4", "voice.wav"))
    assert listed(folder, "anna/1.mp4 voice.wav\n\n") == [Pair(anna, "anna/1.mp4", voice)]
    assert listed(folder, "anna/1.mp4 voice.wav 2.5\n") == [Pair(anna, "anna/1.mp4", voice, 2.5)]
    assert listed(folder, "anna/1.mp4\n") == [Pair(anna, "anna/1.mp4", anna)]
    # The lists for LRS2 name the voice first, and no suffixes.
    assert listed(folder, "berta/1 anna/1\n") == [Pair(anna, "anna/1.mp4", berta)]


def test_what_is_no_text_is_no_list(folder: Path) -> None:
    path = folder / "clips.csv"
    path.write_bytes(b"\xff\xfe\x00")
    for read in (pairs.from_list, pairs.from_table):
        with pytest.raises(NamedError) as failure:
            read(path, folder)
        assert failure.value.code == "bad-list"


@pytest.mark.parametrize("text", ["", "a b c d\n", "anna/1.mp4 nobody.wav\n"])
def test_other_lists_are_refused(folder: Path, text: str) -> None:
    with pytest.raises(NamedError) as failure:
        listed(folder, text)
    assert failure.value.code == "bad-list"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamedError) as failure:
        pairs.from_folder(tmp_path)
    assert failure.value.code == "bad-list"
