"""Heads that lean get the same mouth as upright ones, turned."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor

import wav2lip
from wav2lip.rotated_box import around, centre, grown, level

BOX = np.array([180.0, 76.0, 272.0, 187.0])
MIDDLE = (225.5, 131.0)  # as warpAffine counts: from the centre of the first pixel


def turn(frame: np.ndarray, roll: float) -> np.ndarray:
    """The frame with its face turned clockwise by `roll` about the middle of its box."""
    matrix = cv2.getRotationMatrix2D((MIDDLE[0], MIDDLE[1]), -roll, 1)
    return cv2.warpAffine(frame, matrix, (512, 512), flags=cv2.INTER_CUBIC)


@pytest.fixture(scope="module", params=["compact", "wav2lip"])
def engine(
    request: pytest.FixtureRequest,
    filled: Callable[[str], dict[str, Tensor]],
    tmp_path_factory: pytest.TempPathFactory,
) -> wav2lip.Engine:
    if request.param == "compact":
        return wav2lip.load("compact", device="cpu")
    weights = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(filled("wav2lip"), weights)
    return wav2lip.load(weights, device="cpu", precision="half")


@pytest.fixture
def drive(engine: wav2lip.Engine) -> np.ndarray:
    mel = np.random.default_rng(0).uniform(-2, 2, (80, 40)).astype(np.float32)
    return engine.drive(mel, 5, 6, 25)


@pytest.mark.parametrize("roll", [-45.0, -20.0, 33.0])
def test_a_face_that_leans_is_animated_as_upright_and_turned_back(
    engine: wav2lip.Engine, drive: np.ndarray, roll: float
) -> None:
    frame = cv2.GaussianBlur(astronaut(), (0, 0), 1.5)  # so that turning costs no detail
    (upright,) = engine.render([frame], BOX[None], drive)
    (leaning,) = engine.render([turn(frame, roll)], BOX[None], drive, rolls=np.array([roll]))
    levelled = turn(leaning, -roll)[70:200, 170:285].astype(float)
    expected, before = (each[70:200, 170:285].astype(float) for each in (upright, frame))
    moved = np.abs(expected - before)
    assert moved.max() > 20
    assert np.abs(levelled - expected).mean() < 0.35 * moved.mean() + 1


@pytest.mark.parametrize("roll", [-45.0, 33.0])
def test_nothing_outside_the_turned_box_changes(
    engine: wav2lip.Engine, drive: np.ndarray, roll: float
) -> None:
    frame = astronaut()
    (result,) = engine.render([frame], BOX[None], drive, rolls=np.array([roll]))
    rows, columns = np.nonzero((result != frame).any(axis=2))
    (a, b, x), (c, d, y) = level(BOX, roll)
    across, down = a * columns + b * rows + x, c * columns + d * rows + y
    assert across.min() >= BOX[0] - 1
    assert across.max() <= BOX[2]
    assert down.max() <= BOX[3]
    assert down.min() >= (BOX[1] + BOX[3]) / 2 - 12


def test_a_roll_of_nothing_changes_no_bit(engine: wav2lip.Engine, drive: np.ndarray) -> None:
    (plain,) = engine.render([astronaut()], BOX[None], drive)
    (rolled,) = engine.render([astronaut()], BOX[None], drive, rolls=np.zeros(1))
    assert (plain == rolled).all()


@pytest.mark.parametrize("roll", [20.0, -40.0])
@pytest.mark.parametrize("move", [-200, 250, 480, 3000])
def test_a_turned_box_may_leave_the_frame(
    engine: wav2lip.Engine, drive: np.ndarray, move: int, roll: float
) -> None:
    (result,) = engine.render([astronaut()], BOX[None] + move, drive, rolls=np.array([roll]))
    assert result.shape == (512, 512, 3)


def test_a_box_of_any_size_is_no_strain(engine: wav2lip.Engine, drive: np.ndarray) -> None:
    huge = np.array([[-90_000.0, -90_000, 90_000, 90_000]])
    (result,) = engine.render([astronaut()], huge, drive, rolls=np.array([30.0]))
    assert result.shape == (512, 512, 3)


def test_pads_widen_a_face_in_its_own_direction() -> None:
    boxes = np.tile(BOX, (3, 1))
    rolls = np.array([0.0, 90.0, -45.0])
    wide = grown(boxes, rolls, (0, 10, 4, 0))
    assert wide[0].tolist() == [176, 76, 272, 197]
    # Turned by a right angle the chin points to the left, and the right cheek up.
    assert centre(wide[1]) - centre(BOX) == pytest.approx([-5, -2])
    assert wide[:, 2:] - wide[:, :2] == pytest.approx(np.tile([96.0, 121.0], (3, 1)))


def test_around_a_turned_box_lies_the_upright_one() -> None:
    box = np.array([0.0, 0.0, 10.0, 20.0])
    assert around(box, 0.0, centre(box)) == (0, 0, 10, 20)
    assert around(box, 90.0, centre(box)) == pytest.approx((-5, 5, 15, 15))
