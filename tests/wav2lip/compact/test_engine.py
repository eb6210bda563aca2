"""The compact engine moves a mouth, and nothing else."""

import cv2
import numpy as np
import pytest

from face_detection.landmarks import landmarks_in_fitted
from media.errors import NamedError
from wav2lip.compact import mouth_shape
from wav2lip.compact.engine import CompactEngine

OPENINGS = (0.0, 1.0, 2.0, 3.0)


def shapes(*openings: float) -> np.ndarray:
    """Mouths that open the way mouths do: lower lip and chin come along."""
    closed = np.array([0, 0.2, -0.1, -0.25, -0.1, -0.75, -0.55, -0.4])
    usual = np.array([1, 1, -0.1, -0.1, 0, 1.1, 0.8, 0.2])
    return np.array([closed + opening * usual for opening in openings], np.float32)


def rendered(engine: CompactEngine, frame: np.ndarray, box: np.ndarray, drive: np.ndarray) -> list:
    return engine.render([frame] * len(drive), np.tile(box, (len(drive), 1)), drive)


def outside(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(frame.shape[:2])
    x1, y1, x2, y2 = box
    middle, height = (x1 + x2) / 2, y2 - y1
    left, right = max(x1, middle - 0.38 * height), min(x2, middle + 0.38 * height)
    top = y1 + 0.49 * height
    return (columns + 1 > right) | (columns < left) | (rows + 1 > y2) | (rows + 1 < top)


def opening(frame: np.ndarray, box: np.ndarray) -> float:
    points = landmarks_in_fitted(frame, tuple(box))
    return float(mouth_shape.measure(points[None])[0, mouth_shape.OPENING])


def test_the_mouth_follows_the_drive(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    results = rendered(engine, frame, box, shapes(*OPENINGS))
    openings = [opening(result, box) for result in results]
    assert openings == sorted(openings)
    assert openings[-1] > openings[0] + 0.06
    # The open smile of the photograph closes.
    assert openings[0] < opening(frame, box) / 2


def test_nothing_but_mouth_and_jaw_changes(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    before = frame.copy()
    for result in rendered(engine, frame, box, shapes(*OPENINGS)):
        assert result.dtype == np.uint8
        assert (result != frame).any()
        away = outside(frame, box)
        assert (result[away] == frame[away]).all()
    assert (frame == before).all()


@pytest.mark.parametrize("roll", [0.0, 20.0])
def test_unblended_the_drawing_shows_to_the_edge_of_the_box(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, roll: float
) -> None:
    places, rolls, drive = box[None], np.array([roll]), shapes(3.0)
    [soft] = engine.render([frame], places, drive, True, rolls)
    [hard] = engine.render([frame], places, drive, False, rolls)
    assert (hard != soft).any(axis=2).sum() > 0.1 * (box[2] - box[0]) * (box[3] - box[1])
    if not roll:
        beyond = (hard != frame).any(axis=2)
        beyond[round(box[1]) : round(box[3]), round(box[0]) : round(box[2])] = False
        assert not beyond.any()


@pytest.mark.parametrize("height", [60, 1500])
def test_small_and_large_faces_speak_alike(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, height: int
) -> None:
    scale = height / (box[3] - box[1])
    face = cv2.resize(frame[:300, 100:360], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    placed = (box - (100, 0, 100, 0)) * scale
    closed, opened = rendered(engine, face, placed, shapes(0, 3))
    assert opening(opened, placed) > opening(closed, placed) + 0.05
    away = outside(face, placed)
    assert (opened[away] == face[away]).all()


def test_a_large_face_stays_as_sharp_as_it_was(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    rng = np.random.default_rng(0)
    large = cv2.resize(frame[:300, 100:360], None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 8, large.shape[:2])[..., None]
    large = (large + grain).clip(0, 255).astype(np.uint8)
    placed = (box - (100, 0, 100, 0)) * 5
    (result,) = rendered(engine, large, placed, shapes(1))
    x1, _, x2, y2 = placed.astype(int)
    chin = (slice(y2 - 130, y2 - 80), slice((x1 + x2) // 2 - 60, (x1 + x2) // 2 + 60))
    details = [cv2.Laplacian(picture[chin], cv2.CV_64F).var() for picture in (result, large)]
    assert details[0] > 0.4 * details[1]


@pytest.mark.parametrize("move", [(-200, 0), (0, -100), (300, 0), (0, 380), (-2000, -2000)])
def test_a_box_may_leave_the_frame(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, move: tuple[int, int]
) -> None:
    placed = box + np.tile(move, 2)
    (result,) = rendered(engine, frame, placed, shapes(2))
    assert result.shape == frame.shape
    away = outside(frame, placed)
    assert (result[away] == frame[away]).all()


def test_a_narrow_box_leaves_no_edge(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    narrow = box + np.array([25, 0, -25, 0])
    (result,) = rendered(engine, frame, narrow, shapes(3))
    changed = np.abs(result.astype(int) - frame).max((0, 2))
    left, right = int(np.ceil(narrow[0])), int(np.floor(narrow[2]))
    assert changed[:left].max() == changed[right:].max() == 0
    assert changed[[left, right - 1]].max() < 40


def test_frames_one_by_one_are_the_same_as_together(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    drive = shapes(*np.linspace(0, 3, 20))
    together = rendered(engine, frame, box, drive)
    alone = [rendered(engine, frame, box, drive[i : i + 1])[0] for i in range(len(drive))]
    for a, b in zip(together, alone, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 3


def test_different_frames_keep_their_own_faces(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray
) -> None:
    darker = (frame * 0.5).astype(np.uint8)
    first, second = engine.render([frame, darker], np.stack([box, box]), shapes(2, 2))
    x1, y1, x2, y2 = box.astype(int)
    assert second[y1:y2, x1:x2].mean() == pytest.approx(first[y1:y2, x1:x2].mean() / 2, rel=0.1)


def test_a_file_that_is_no_checkpoint_has_a_named_error(tmp_path) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(b"not weights")
    with pytest.raises(NamedError) as caught:
        CompactEngine.from_checkpoint(path)
    assert caught.value.code == "checkpoint-corrupt"
