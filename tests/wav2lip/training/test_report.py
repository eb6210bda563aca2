"""A training run as a page that opens anywhere."""

from pathlib import Path

import numpy as np

from wav2lip.training.report import Report, Strip


def report(running: bool = True) -> Report:
    curve = [(step, 1 / step) for step in range(1, 1001)]
    strip = Strip("reference & made", [np.full((8, 8, 3), shade, np.uint8) for shade in (0, 255)])
    config = {"steps": 1000, "start": "<none>"}
    return Report("A run", "step 1000", config, {"loss": curve, "none": []}, [strip], running)


def test_the_page_holds_curves_samples_and_configuration(tmp_path: Path) -> None:
    report().write(tmp_path / "run" / "report.html")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "loss: 0.0010" in page
    assert page.count("<polyline") == 1
    assert page.count("data:image/jpeg;base64,") == 1
    assert "reference &amp; made" in page
    assert "&lt;none&gt;" in page
    assert "http" not in page.replace('http-equiv="refresh"', "")


def test_a_long_curve_is_drawn_from_few_points_that_keep_its_ends() -> None:
    (line,) = (part for part in report().page().split("<polyline")[1:])
    points = line.split('"')[1].split()
    assert len(points) == 240
    assert points[0] == "0.0,0.0"
    assert points[-1] == "380.0,160.0"


def test_only_a_running_page_reloads_itself() -> None:
    assert "refresh" in report(running=True).page()
    assert "refresh" not in report(running=False).page()
