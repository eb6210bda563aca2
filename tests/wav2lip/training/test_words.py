"""The command lines of trainings that run as modules."""

from pathlib import Path

import pytest

from wav2lip.training import train_renderer, train_voice, words


def test_every_part_of_a_configuration_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (
        "train prepared run --table clips.csv --steps 7 --average 0.9 --everyone --start base.pt"
    )
    monkeypatch.setattr("sys.argv", asked.split())
    places, config = words.read(train_renderer.__doc__, train_renderer.Config())
    assert places == {
        "prepared": Path("prepared"),
        "run": Path("run"),
        "table": Path("clips.csv"),
        "device": "cpu",
    }
    assert config == train_renderer.Config(steps=7, average=0.9, everyone=True, start="base.pt")


def test_what_is_not_asked_for_is_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train", "prepared", "run"])
    assert words.read(train_voice.__doc__, train_voice.Config())[1] == train_voice.Config()
