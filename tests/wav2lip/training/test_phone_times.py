"""Phone times, and when lips are closed by them."""

from pathlib import Path

import numpy as np
import pytest

from media.errors import NamedError
from wav2lip.training import phone_times
from wav2lip.training.phone_times import Phone, closed_lips
from wav2lip.training.synthetic import speech

PHONES = [Phone("m", 0.2, 0.3), Phone("ay", 0.3, 0.5), Phone("b", 0.5, 0.6), Phone("iy", 0.6, 0.9)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = phone_times.path_of(tmp_path / "one.wav")
    phone_times.write(path, PHONES)
    assert path.name == "one.phones.tsv"
    assert phone_times.read(path) == PHONES


def test_another_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "one.phones.tsv"
    path.write_text("0.1\t0.2\tm\n0.2 0.3 ay\n")
    with pytest.raises(NamedError, match="Line 2") as raised:
        phone_times.read(path)
    assert raised.value.code == "bad-phones"


def test_lips_are_closed_in_nasals_and_before_the_burst_of_plosives() -> None:
    closed = closed_lips(PHONES, 0.9, 40)
    instants = np.arange(40) / 40
    assert np.all(closed[(instants > 0.22) & (instants < 0.29)] == 1)
    assert np.all(closed[(instants > 0.52) & (instants < 0.56)] == 1)
    assert np.all(np.isnan(closed[(instants > 0.575) & (instants < 0.62)]))
    assert np.all(closed[(instants > 0.35) & (instants < 0.45)] == 0)
    assert np.all(np.isnan(closed[instants > 0.9]))


def test_a_very_short_bilabial_closes_at_one_instant() -> None:
    closed = closed_lips([Phone("p", 0.501, 0.511)], 1.0, 40)
    assert np.count_nonzero(closed == 1) == 1


def test_segments_of_flite_are_read() -> None:
    told = "pau:0.224 m:0.260 ay:0.392 b:0.485 pau:0.6 \n"
    assert speech.phones(told) == [
        Phone("m", 0.224, 0.26),
        Phone("ay", 0.26, 0.392),
        Phone("b", 0.392, 0.485),
    ]


def test_without_flite_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NamedError, match="flite") as raised:
        speech.synthesize("My baby.", "slt", 1.0, tmp_path / "one.wav")
    assert raised.value.code == "program-missing"
