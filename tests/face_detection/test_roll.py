"""Heads that lean are found, and known, as well as those that do not."""

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from face_detection.box_refinement import fit
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection, iou
from face_detection.identity import embedding
from face_detection.persons import from_csv, link, to_csv
from face_detection.roll import roll_of, rotated

NOSE = (226.0, 131.0)
UPRIGHT_FACE = (180.0, 76.0, 272.0, 187.0)
LEANS = (-45, -30, -15, 12, 25, 42)
OWN = 3  # the astronaut holds her head not quite straight


def leaning(degrees: float) -> np.ndarray:
    turn = cv2.getRotationMatrix2D(NOSE, -degrees, 1)
    return cv2.warpAffine(astronaut(), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def detector() -> CenterFaceDetector:
    return CenterFaceDetector()


@pytest.mark.parametrize("lean", LEANS)
def test_a_head_that_leans_is_found_with_the_box_it_has_upright(
    detector: CenterFaceDetector, lean: int
) -> None:
    face = detector.detect([leaning(lean)])[0][0]
    assert face.roll == pytest.approx(lean + OWN, abs=2)
    # The box turns about its own centre, which is not the nose.
    centre = rotated(np.array([226.0, 131.5]), lean, np.array(NOSE))
    x, y = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
    assert (x, y) == pytest.approx(tuple(centre), abs=3)
    assert (face.x2 - face.x1, face.y2 - face.y1) == pytest.approx((92, 111), abs=4)


@pytest.mark.parametrize("lean", LEANS)
def test_a_detector_that_knows_no_roll_need_not(lean: int) -> None:
    found = Detection(165.0, 65.0, 290.0, 195.0, 0.95)
    [face] = fit(leaning(lean), [found], 0.8)
    assert face.roll == pytest.approx(lean + OWN, abs=2)
    assert iou(face.box, UPRIGHT_FACE) > 0.85


def test_a_head_that_is_as_good_as_upright_has_no_roll(detector: CenterFaceDetector) -> None:
    for lean in (-5, -2, 0):
        [[face]] = detector.detect([leaning(lean)])
        assert face.roll == 0


def test_the_roll_begins_without_a_jump() -> None:
    eyes = np.zeros((68, 2))
    eyes[36:42], eyes[42:48] = (-20, 0), (20, 0)
    leans = np.linspace(-15, 15, 301)
    rolls = np.array([roll_of(rotated(eyes, lean, np.zeros(2))) for lean in leans])
    assert (rolls[np.abs(leans) < 3.9] == 0).all()
    assert np.allclose(rolls[np.abs(leans) > 12.1], leans[np.abs(leans) > 12.1])
    assert np.abs(np.diff(rolls)).max() < 0.3


def test_who_leans_is_still_known(detector: CenterFaceDetector) -> None:
    looks = [detector.detect([leaning(lean)])[0][0] for lean in (0, *LEANS)]
    seen = [
        embedding(leaning(lean), face.box, face.roll)
        for lean, face in zip((0, *LEANS), looks, strict=True)
    ]
    assert max(np.linalg.norm(other - seen[0]) for other in seen[1:]) < 0.3


def test_a_roll_is_steadied_and_bridged_like_a_box() -> None:
    rng = np.random.default_rng(2)
    true = np.linspace(10, 40, 60)
    scene = [[Detection(100.0, 100, 180, 200, 1, roll)] for roll in true + rng.normal(0, 1, 60)]
    scene[30] = []
    [person] = link(scene)
    raw, steady = (
        np.array([person.roll_at(t, smooth) for t in range(60)]) for smooth in (False, True)
    )
    assert np.abs(steady - true).mean() < 0.6 * np.abs(raw - true).mean()
    assert raw[30] == pytest.approx((raw[29] + raw[31]) / 2)
    assert person.roll_at(60) == 0
    [again] = from_csv(to_csv([person]))
    assert [again.roll_at(t) for t in range(60)] == steady.tolist()


def test_a_head_that_rocks_is_one_person_in_every_frame() -> None:
    leans = 45 * np.sin(np.linspace(0, 2 * np.pi, 40))
    small = [cv2.resize(leaning(lean), (288, 288), interpolation=cv2.INTER_AREA) for lean in leans]
    [person] = link(CenterFaceDetector().detect(small))
    assert person.intervals == [(0, 40)]
    rolls = np.array([person.roll_at(at) for at in range(40)])
    assert np.abs(rolls - (leans + OWN)).max() < 6  # those below four degrees count as none
    heights = np.array([person.box_at(at)[3] - person.box_at(at)[1] for at in range(40)])
    assert np.ptp(heights) < 0.08 * heights.mean()
