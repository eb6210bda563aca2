"""Only clips that show a known face from end to end are kept."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from dataset import keep
from dataset.report import Report
from face_detection.persons import from_csv
from media.errors import NamedError
from media.pictures import write_picture
from media.video import read_frames

SECONDS = [(1.2, 0.0)]


def nobody(number: int, opening: float) -> np.ndarray:
    return np.ascontiguousarray(data.coffee()[:192, :192])


@pytest.fixture(scope="module")
def clips(write_footage: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips: with the astronaut, without anybody, and with her until she is covered."""
    folder = tmp_path_factory.mktemp("clips")
    face = write_footage(folder / "a" / "her.mp4", SECONDS)
    seen = list(read_frames(face))
    write_footage(folder / "a" / "nobody.mp4", SECONDS, picture=nobody)
    write_footage(
        folder / "b" / "until.mp4",
        SECONDS,
        picture=lambda number, _: seen[number] if number < 15 else nobody(number, 0),
    )
    return folder


@pytest.fixture(scope="module")
def report(clips: Path, photograph: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return keep.main(clips, tmp_path_factory.mktemp("out"), [photograph])


def test_who_is_there_throughout_is_kept(report: Report) -> None:
    (clip,) = report.kept
    assert clip.made == ("a/her.mp4", "a/her.faces.csv")
    assert clip.facts["distance"] < 0.3
    (person,) = from_csv((report.folder / "a/her.faces.csv").read_text())
    assert all(person.box_at(frame) is not None for frame in range(30))


def test_why_the_others_went(report: Report) -> None:
    reasons = {each.name: each.reason for each in report.done.outcomes}
    assert reasons["a/nobody"] == "no face"
    what, when = reasons["b/until"].split(": from ")
    assert what == "no face for a while"
    assert float(when.split()[0]) == pytest.approx(0.6, abs=0.13)
    content = json.loads((report.folder / "report.json").read_text())
    assert (content["in"], content["out"], content["dropped"]) == (3, 1, 2)
    assert content["reasons"] == {"no face": 1, "no face for a while": 1}
    assert "3 in, 1 kept" in (report.folder / "report.html").read_text()


def test_another_face_is_told_from_a_known_one(
    clips: Path, photograph: Path, tmp_path: Path
) -> None:
    strict = keep.main(clips / "a", tmp_path, [photograph], tolerance=0.01)
    assert strict.kept == []
    assert dict(strict.reasons) == {"another face": 1, "no face": 1}


def test_photographs_must_show_one_face(clips: Path, two_faces_file: Path, tmp_path: Path) -> None:
    with pytest.raises(NamedError, match="2 faces on"):
        keep.main(clips, tmp_path, [two_faces_file])
    empty = tmp_path / "empty.png"
    write_picture(empty, nobody(0, 0))
    with pytest.raises(NamedError, match="No face was found on"):
        keep.main(clips, tmp_path, [empty])
