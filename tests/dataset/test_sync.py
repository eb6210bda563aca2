"""Sound that is late or early is moved; where nobody can tell, the clip goes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset import sync
from dataset.sync import DEFAULT_THRESHOLDS, LAGS, verdict
from media.probe import probe
from media.sound import read_sound
from media.video import read_frames
from wav2lip.compact import voice_activity
from wav2lip.networks import SyncNet


@pytest.fixture(scope="module", autouse=True)
def detected_as_speech() -> Iterator[None]:
    """The buzz of this footage counts as a voice, in which voice activity detection finds none."""

    def activity(mel: np.ndarray, first: int, last: int) -> np.ndarray:
        return np.ones(last + 1 - first)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voice_activity, "activity", activity)
        yield


@pytest.fixture(scope="module")
def clips(write_footage: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip in sync, one whose sound is six frames late, one with the sound of another."""
    folder = tmp_path_factory.mktemp("clips")
    write_footage(folder / "good" / "in_sync.mp4", [(4, 0)], seed=1)
    write_footage(folder / "bad" / "late.mp4", [(4, 0)], seed=2, late=6)
    frames = list(read_frames(folder / "good" / "in_sync.mp4"))
    write_footage(
        folder / "bad" / "other.mp4", [(4, 0)], seed=9, picture=lambda number, _: frames[number]
    )
    return folder


@pytest.fixture(scope="module")
def report(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> sync.Report:
    return sync.main(clips, tmp_path_factory.mktemp("out"))


def test_lags_are_measured_and_strangers_dropped(report: sync.Report) -> None:
    facts = {each.name: each.facts for each in report.done.outcomes}
    assert abs(facts["good/in_sync"]["lag"]) <= 1
    assert facts["bad/late"]["lag"] == pytest.approx(6, abs=1)
    assert {each.name for each in report.kept} == {"good/in_sync", "bad/late"}
    assert "1 of 2 had their sound moved" in report.notes[0]


def test_only_the_sound_of_a_mended_clip_changes(clips: Path, report: sync.Report) -> None:
    before, after = clips / "bad" / "late.mp4", report.folder / "bad" / "late.mp4"
    lag = next(each.facts["lag"] for each in report.kept if each.name == "bad/late")
    for one, other in zip(read_frames(before), read_frames(after), strict=True):
        assert np.array_equal(one, other)
    assert probe(before).duration == probe(after).duration
    moved, whole = read_sound(after), read_sound(before)
    shift = lag * 640
    assert np.corrcoef(moved[: len(whole) - shift], whole[shift:])[0, 1] > 0.98


def test_what_is_mended_needs_no_mending(report: sync.Report, tmp_path: Path) -> None:
    again = sync.main(report.folder, tmp_path)
    lags = {each.name: each.facts["lag"] for each in again.done.outcomes}
    assert lags == {"bad/late": pytest.approx(0, abs=1), "good/in_sync": pytest.approx(0, abs=1)}
    assert sync.main(report.folder, tmp_path).done.fresh == 0


def test_another_demand_needs_no_new_measuring(
    clips: Path, report: sync.Report, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert sync.main(clips, out, fit=3).kept == []
    journal = (out / "measured.jsonl").read_text()
    assert len(sync.main(clips, out).kept) == 2
    assert (out / "measured.jsonl").read_text() == journal


def test_an_expert_may_judge(clips: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "expert.pth"
    torch.save({"state_dict": SyncNet().state_dict()}, weights)
    report = sync.main(clips / "good", tmp_path / "out", weights)
    (clip,) = report.done.outcomes
    assert clip.reason != ""  # an untrained one finds nothing that fits
    assert sync.main(clips / "good", tmp_path / "all", weights, fit=-1, margin=-1).done.outcomes


def test_a_verdict_names_the_reason() -> None:
    def curve(*peaks: tuple[int, float]) -> np.ndarray:
        out = np.zeros(len(LAGS))
        for lag, height in peaks:
            out[lag == LAGS] = height
        return out

    def reason(*peaks: tuple[int, float], seconds: float = 4) -> str:
        return str(verdict(curve(*peaks), seconds, DEFAULT_THRESHOLDS)["reason"])

    found = verdict(curve((3, 0.6)), 4, DEFAULT_THRESHOLDS)
    assert found == {"lag": 3, "fit": 0.6, "margin": 0.6, "reason": ""}
    assert reason((3, 0.6), (4, 0.58)) == ""
    assert reason((3, 0.6), (9, 0.58)).startswith("no lag is clearly best")
    assert reason((15, 0.9)).startswith("further apart")
    # A short clip fits some sound by chance.
    assert reason((3, 0.6), seconds=2).startswith("the lips do not follow")
    assert reason((3, 0.2), seconds=4).startswith("the lips do not follow")
    assert reason((3, 0.2), seconds=40) == ""


def test_silence_says_nothing(write_footage: Callable[..., Path], tmp_path: Path) -> None:
    write_footage(tmp_path / "clips" / "silent.mp4", [(0.4, 1.2)])
    (clip,) = sync.main(tmp_path / "clips", tmp_path / "out").done.outcomes
    assert clip.reason == "hardly any sound"


def test_a_folder_may_have_one_lag(clips: Path, tmp_path: Path) -> None:
    report = sync.main(clips / "bad", tmp_path, by_folder=True, fit=-1, margin=-1)
    lags = {each.name: each.facts["lag"] for each in report.done.outcomes}
    assert lags["late"] == lags["other"]
