"""A drawn mouth ends where nobody sees it, whichever engine drew it."""

import numpy as np
import pytest

import wav2lip
from benchmarks.seam import AnotherLight, engines, shimmer, step_change
from face_detection.detection import Detection
from wav2lip import compositing
from wav2lip.original import Wav2LipEngine

MOST = 1.5  # levels by which a step may grow
ENGINES = dict(engines())


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> wav2lip.Engine:
    return ENGINES[request.param]


@pytest.fixture
def drive(engine: wav2lip.Engine) -> np.ndarray:
    mel = np.random.default_rng(0).uniform(-2, 2, (80, 60)).astype(np.float32)
    return engine.drive(mel, 5, 8, 25)


def wall(tone: tuple[float, float, float]) -> np.ndarray:
    """Skin without a face on it, in a light from above: the slightest step would show."""
    light = np.linspace(1.15, 0.85, 512)[:, None, None] * np.linspace(0.9, 1.1, 512)[None, :, None]
    return (light * tone).astype(np.uint8)


@pytest.mark.parametrize("roll", [0.0, 30.0])
@pytest.mark.parametrize("tone", [(205.0, 170, 150), (95.0, 65, 50)])
def test_no_step_grows_at_the_rim_of_a_drawing(
    engine: wav2lip.Engine, drive: np.ndarray, tone: tuple[float, float, float], roll: float
) -> None:
    face = Detection(180.0, 160, 300, 310, 1, roll)
    before, after = step_change(engine, wall(tone), face, drive)
    assert after <= before + MOST


def test_the_measure_sees_a_seam_that_nothing_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compositing, "matched", lambda drawn, seen, mask: drawn)
    engine = Wav2LipEngine(AnotherLight())  # type: ignore[arg-type]
    face = Detection(180.0, 160, 300, 310, 1)
    drive = np.zeros((1, 80, 16), np.float32)
    before, after = step_change(engine, wall((205.0, 170, 150)), face, drive)
    assert after > before + 20


def test_cheeks_do_not_shimmer(engine: wav2lip.Engine) -> None:
    before, after = shimmer(engine, frames=6)
    assert after <= before
