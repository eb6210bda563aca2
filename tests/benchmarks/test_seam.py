"""A drawn mouth ends where nobody sees it, whichever engine drew it."""

from itertools import islice

import cv2
import numpy as np
import pytest

import wav2lip
from benchmarks import mask_edge
from benchmarks.material import FPS, RATE, SAMPLE_VOICE
from benchmarks.seam import RelitGenerator, baselines, engines, faces, shimmer, step_change
from face_detection.detection import Detection
from media.sound import read_sound
from wav2lip import compositing
from wav2lip.audio import mel_spectrogram
from wav2lip.wav2lip_engine import Wav2LipEngine

MOST = 1.5  # levels by which a step may differ
ENGINES = dict(engines())


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> wav2lip.Engine:
    return ENGINES[request.param]


@pytest.fixture
def drive(engine: wav2lip.Engine) -> np.ndarray:
    mel = np.random.default_rng(0).uniform(-2, 2, (80, 60)).astype(np.float32)
    return engine.drive(mel, 5, 8, 25)


def voiced(engine: wav2lip.Engine) -> np.ndarray:
    mel = mel_spectrogram(read_sound(SAMPLE_VOICE, RATE)[: 2 * RATE])
    return engine.drive(mel, 10, 40, FPS)[::10]


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
    told = step_change(engine, wall(tone), face, drive)
    assert told.after <= told.before + MOST
    assert told.apart <= MOST


def test_the_rim_of_a_face_is_changed_far_less_than_by_a_faint_seam() -> None:
    engine = ENGINES["compact"]
    seen = list(islice(faces([]), 2))
    [(_, patched)] = baselines(seen, engine)
    for face, (_, patch) in zip(seen, patched, strict=True):
        told = step_change(engine, face.frame, face.detection, voiced(engine))
        assert abs(told.after - told.before) <= MOST
        assert told.apart < patch.apart / 2


def test_the_measure_sees_a_seam_that_nothing_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compositing, "match_colours", lambda drawn, face, alpha: drawn)
    engine = Wav2LipEngine(RelitGenerator())  # type: ignore[arg-type]
    face = Detection(180.0, 160, 300, 310, 1)
    drive = np.zeros((1, 80, 16), np.float32)
    told = step_change(engine, wall((205.0, 170, 150)), face, drive)
    assert told.after > told.before + 20
    assert told.apart > 20


def test_the_measure_sees_a_drawing_that_is_paler_than_its_face() -> None:
    painter = mask_edge.whitener(opacity=0.2)
    face = Detection(180.0, 160, 300, 310, 1)
    paint = 0.2 * (255 - np.mean([95.0, 65, 50]))
    told = step_change(painter, wall((95.0, 65, 50)), face, np.zeros((1, 8), np.float32))
    assert told.after > told.before + 0.4 * paint
    upright = next(faces([]))
    assert step_change(painter, upright.frame, upright.detection, np.zeros((1, 8))).apart > 5


@pytest.mark.parametrize("architecture", ["compact", "wav2lip"])
def test_a_jaw_that_sinks_is_no_seam_and_a_patch_is_one(architecture: str) -> None:
    face = next(faces([]))
    box = np.array(face.detection.box)
    was = mask_edge.face_crop(face.frame, box, 0.0, architecture)
    shown = mask_edge.mask(box, architecture)
    rows, columns = np.mgrid[: mask_edge.SIDE, : mask_edge.SIDE].astype(np.float32)
    sunk = cv2.remap(was, columns, rows - 8 * shown.astype(np.float32), cv2.INTER_LINEAR)
    patched = (was + 10 * shown[..., None]).clip(0, 255).astype(np.uint8)
    moved, seam = (mask_edge.compare(was, [each], shown) for each in (sunk, patched))
    assert moved.apart < seam.apart / 2


def test_nothing_changes_where_the_mask_of_a_drawing_is_nothing(
    engine: wav2lip.Engine,
) -> None:
    face = next(faces([]))
    place = np.array([face.detection.box])
    [result] = engine.render([face.frame], place, voiced(engine)[:1])
    shown = mask_edge.mask(place[0], engine.architecture)
    was, became = (
        mask_edge.face_crop(each, place[0], 0.0, engine.architecture).astype(int)
        for each in (face.frame, result)
    )
    changed = np.abs(became - was).max(axis=2) > 1
    assert changed[shown > 0.5].any()
    # A pixel of the frame may reach some pixels beyond the edge of what it is seen through.
    assert not changed[cv2.dilate(shown, np.ones((9, 9))) == 0].any()


def test_cheeks_do_not_shimmer(engine: wav2lip.Engine) -> None:
    before, after = shimmer(engine, frames=6)
    assert after <= before
