"""A training as a page that opens anywhere."""

from pathlib import Path

import numpy as np

from wav2lip.training.report import Report, Section, Strip


def section(name: str = "a stage") -> str:
    curve = [(step, 1 / step) for step in range(1, 1001)]
    strip = Strip("reference & made", [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 255)])
    config = {"steps": 1000, "start": "<none>"}
    return Section(name, "step 1000", config, {"loss": curve, "none": []}, [strip]).html()


def test_the_page_holds_curves_samples_and_configuration(tmp_path: Path) -> None:
    path = tmp_path / "run" / "report.html"
    Report(path, "A run").show("a stage", section(), over=False)
    page = path.read_text(encoding="utf-8")
    assert "loss: 0.0010" in page
    assert page.count("<polyline") == 1
    assert page.count("data:image/jpeg;base64,") == 1
    assert "reference &amp; made" in page
    assert "&lt;none&gt;" in page
    assert "http" not in page.replace('http-equiv="refresh"', "")


def test_a_long_curve_is_drawn_from_few_points_that_keep_its_ends() -> None:
    (line,) = section().split("<polyline")[1:]
    points = line.split('"')[1].split()
    assert len(points) == 240
    assert points[0] == "0.0,0.0"
    assert points[-1] == "380.0,160.0"


def test_a_page_reloads_itself_until_its_last_stage_has_ended(tmp_path: Path) -> None:
    report = Report(tmp_path / "report.html", "A run", last="second")
    for stage, over, reloads in (
        ("first", True, True),
        ("second", False, True),
        ("second", True, False),
    ):
        report.show(stage, section(stage), over)
        assert ("refresh" in report.path.read_text(encoding="utf-8")) == reloads


def test_the_stage_that_is_going_on_comes_first(tmp_path: Path) -> None:
    report = Report(tmp_path / "report.html", "A run", last="second")
    for stage in ("first", "second", "second"):
        report.show(stage, section(stage), over=False)
    page = report.path.read_text(encoding="utf-8")
    assert page.count("<h2>") == 2
    assert page.index("<h2>second") < page.index("<h2>first")
