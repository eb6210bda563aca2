"""The command from clips to report, in processes of its own."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

import cli
from media.errors import NamedError
from media.probe import probe
from wav2lip.evaluation.cache import _other_voice
from wav2lip.evaluation.pairs import Pair
from wav2lip.expert import LightSyncNet

pytestmark = pytest.mark.slow
# One process is enough: a second one would only load the same networks again.
FEW = ("--frames", 42, "--processes", 1)


def mouth(*words: object) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words])


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "judge.pt"
    torch.save({"state_dict": LightSyncNet().state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def report(clips: Path, expert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the shipped weights on two persons, compared with themselves."""
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    answer = mouth("evaluate", clips, folder, *FEW, "--against", "compact", "--expert", expert)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[-1] == str(folder / "report.html")
    assert "mouth opening: correlation" in answer.stdout
    return folder


@pytest.fixture
def figures(report: Path) -> dict[str, Any]:
    return json.loads((report / "evaluation.json").read_text())["figures"]


def test_real_video_is_what_all_is_held_against(figures: dict[str, Any]) -> None:
    assert figures["opening_r"]["takes"]["real"]["mean"] == pytest.approx(1)
    assert figures["opening_best"]["takes"]["real"]["mean"] == pytest.approx(1)
    assert figures["opening_lag"]["takes"]["real"]["mean"] == 0
    assert figures["opening_spread"]["takes"]["real"]["mean"] == pytest.approx(1)
    assert figures["sharpness"]["takes"]["real"]["mean"] == pytest.approx(1)
    assert figures["silence"]["takes"]["real"]["mean"] < 0.2


def test_the_true_shapes_give_the_true_movement(figures: dict[str, Any]) -> None:
    assert figures["opening_r"]["takes"]["still_shapes"]["mean"] > 0.9
    assert abs(figures["opening_lag"]["takes"]["still_shapes"]["mean"]) <= 1
    assert figures["pause"]["takes"]["still"]["mean"] < 0.1
    assert figures["outside"]["takes"]["still"]["mean"] < 0.5


def test_every_figure_has_persons_and_an_interval(figures: dict[str, Any]) -> None:
    for figure in figures.values():
        for found in figure["takes"].values():
            assert set(found["persons"]) <= {"anna", "berta"}
            if found["mean"] is not None:
                assert found["low"] <= found["mean"] <= found["high"]


def test_the_expert_judges_every_condition_and_is_named(
    report: Path, expert: Path, figures: Any
) -> None:
    assert json.loads((report / "evaluation.json").read_text())["experts"] == [str(expert)]
    takes = set(figures[f"lse_d {expert}"]["takes"])
    assert takes >= {"real", "still", "video_other", "video_given"}
    for run in (1, 3, 5):
        assert 0 <= figures[f"told_{run} {expert}"]["takes"]["real"]["mean"] <= 1


def test_nothing_is_gained_on_oneself(figures: dict[str, Any]) -> None:
    gain = figures["opening_r"]["takes"]["still"]["gain"]
    assert (gain["low"], gain["mean"], gain["high"]) == (0, 0, 0)


def test_the_page_holds_metrics_faces_and_players(report: Path, figures: dict[str, Any]) -> None:
    page = (report / "report.html").read_text()
    assert f"{figures['opening_r']['takes']['still']['mean']:.2f}" in page
    assert page.count("data:image/jpeg;base64,") == 14
    players = re.findall(r"src='(players/[^']+)'", page)
    assert len(players) == 2
    for player in players:
        info = probe(report / player)
        assert info.has_audio
        assert (info.width, info.height) == (720, 240)
    assert "src='reel.mp4'" in page
    reel = probe(report / "reel.mp4")
    assert (reel.has_audio, reel.width, reel.frames) == (True, 1200, 2 * 42)


def test_going_on_measures_only_what_is_new(clips: Path, report: Path, expert: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (report / "scores").iterdir()}
    values = (report / "evaluation.json").read_text()
    removed = min(before)
    removed.unlink()
    mouth("evaluate", clips, report, *FEW, "--against", "compact", "--expert", expert)
    after = {path: path.stat().st_mtime_ns for path in (report / "scores").iterdir()}
    assert {path for path in before if after[path] != before[path]} == {removed}
    speed = re.compile(r'"speed": \{.*?\n  \}', re.DOTALL)
    assert speed.sub("", (report / "evaluation.json").read_text()) == speed.sub("", values)


def test_exact_pictures_are_measured_for_themselves(
    clips: Path, report: Path, expert: Path, figures: dict[str, Any]
) -> None:
    before = set((report / "scores").iterdir())
    answer = mouth("evaluate", clips, report, *FEW, "--expert", expert, "--precision", "fp32")
    assert answer.exit_code == 0, answer.output
    assert len(set((report / "scores").iterdir()) - before) == 2
    exact = json.loads((report / "evaluation.json").read_text())["figures"]
    quick = figures["opening_r"]["takes"]["still"]["mean"]
    assert exact["opening_r"]["takes"]["still"]["mean"] == pytest.approx(quick, abs=0.05)


def test_a_clip_without_a_face_is_left_out_and_said_so(
    clips: Path, report: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    shutil.copytree(clips / "anna", folder / "anna")
    broken = folder / "broken.mp4"
    broken.write_bytes(b"no video")
    answer = mouth("evaluate", folder, tmp_path / "report", "--frames", 20, "--processes", 1)
    assert answer.exit_code == 0, answer.output
    assert f"left out {broken}" in answer.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"<li>{broken}: This file cannot be read" in page


def test_without_any_clip_of_use_the_reasons_are_given(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"no video")
    answer = mouth("evaluate", tmp_path / "clips", tmp_path / "report")
    assert answer.exit_code == 1
    assert "None of the clips could be used" in answer.stderr


def test_a_voice_that_is_over_says_nothing(clips: Path) -> None:
    clip = clips / "anna" / "speech.mp4"
    with pytest.raises(NamedError, match="no sound from second 60 on"):
        _other_voice(Pair(clip, "anna", clip, 60.0))


def test_both_checkpoints_are_looked_at_before_anything_is_measured(
    clips: Path, tmp_path: Path
) -> None:
    answer = mouth("evaluate", clips, tmp_path / "report", "--against", "nobody")
    assert answer.exit_code == 2
    assert "nobody" in answer.stderr
    assert not (tmp_path / "report" / "footage").exists()
