"""A mouth that shows its teeth: they stay where they are, lips and jaw move over them."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from face_detection.landmarks import landmarks_in_fitted
from wav2lip.compact import layered_mouth, layered_renderer, lip_contours, lip_motion
from wav2lip.compact.engine import CompactEngine
from wav2lip.compact.layered_mouth import Mouth
from wav2lip.compact.layered_renderer import HANDOVER, LayeredMouthFinder, SourceMouth
from wav2lip.engine import Style

CLOSED = np.zeros(8)
# An opening in units of the face, and what goes with it.
WIDE = np.array([0.16, 0.16, 0, 0, 0, 0.15, 0.15, 0])

Speak = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def points(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    return landmarks_in_fitted(frame, tuple(box))


@pytest.fixture(scope="module")
def mouth(found: SourceMouth) -> Mouth:
    return found.mouth


@pytest.fixture(scope="module")
def found(frame: np.ndarray, box: np.ndarray, points: np.ndarray) -> SourceMouth:
    found = LayeredMouthFinder().find(frame, box, 0.0, points)
    assert found is not None
    assert found.weight == 1
    return found


def moved(frame: np.ndarray, mouth: Mouth, lengths: np.ndarray, smile: float = 1.0) -> np.ndarray:
    return layered_renderer.render(frame, mouth, lengths, 1.0, smile)


def grid(mouth: Mouth, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel's place in face units: x and y (height, width)."""
    rows, columns = np.indices(shape[:2])
    (a, b, x), (c, d, y) = mouth.to_face
    return a * columns + b * rows + x, c * columns + d * rows + y


def teeth_of(frame: np.ndarray, mouth: Mouth) -> np.ndarray:
    """Pixels well inside the upper teeth."""
    x, y = grid(mouth, frame.shape)
    lips = mouth.lips
    top, edge = (
        np.interp(x, lips.columns, curve) for curve in (lips.upper_inner, mouth.teeth.edge)
    )
    return np.asarray(
        (np.abs(x - lips.middle) < 0.5 * lips.half_width) & (y > top + 2) & (y < edge - 3)
    )


def darkest_between_lips(result: np.ndarray, mouth: Mouth) -> float:
    x, y = grid(mouth, result.shape)
    lips = mouth.lips
    inside = (np.abs(x - lips.middle) < 0.3 * lips.half_width) & (
        np.abs(y - lips.upper_inner.mean()) < 25
    )
    return float(result[inside].mean(1).min())


def test_upper_teeth_stay_as_they_are_while_the_mouth_opens(
    frame: np.ndarray, mouth: Mouth
) -> None:
    teeth = teeth_of(frame, mouth)
    assert teeth.sum() > 30
    result = moved(frame, mouth, WIDE)
    assert (result[teeth] == frame[teeth]).all()
    # And below them something else has come to be seen than the lip.
    assert darkest_between_lips(result, mouth) < darkest_between_lips(frame, mouth) - 20


def test_lips_close_over_the_teeth(frame: np.ndarray, mouth: Mouth) -> None:
    teeth = teeth_of(frame, mouth)
    result = moved(frame, mouth, CLOSED)
    redness = [
        cv2.cvtColor((picture / 255).astype(np.float32), cv2.COLOR_RGB2LAB)[teeth][:, 1]
        for picture in (frame, result)
    ]
    lip = float(cv2.cvtColor((mouth.teeth.lip / 255)[None, None], cv2.COLOR_RGB2LAB)[0, 0, 1])
    # All that was teeth is as red as the lips now.
    assert np.percentile(redness[0], 90) < lip - 5
    assert np.percentile(redness[1], 10) > lip - 8


def test_the_lower_lip_and_the_chin_go_down_with_the_jaw(frame: np.ndarray, mouth: Mouth) -> None:
    layers = layered_mouth.layers(mouth, lip_motion.spoken(mouth.lips, WIDE, 1.0, 1.0))
    middle = round(mouth.lips.middle - layers.left)
    # Displacements point to where pixels come from: from above, for what goes down.
    chin = round(float(mouth.lips.jaw[middle]) - layers.top)
    lip = round(float(mouth.lips.lower_outer[middle]) - layers.top)
    assert layers.lower_y[lip, middle] < -3
    assert layers.lower_y[chin, middle] < -2
    assert layers.upper_y[: round(mouth.lips.nose - layers.top), middle] == pytest.approx(
        0, abs=0.05
    )


def test_silence_is_the_photograph_itself(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, found: SourceMouth
) -> None:
    quiet = engine.drive(np.full((80, 80), -4, np.float32), 0, 1, 25)
    (result,) = engine.render([frame], box[None], quiet, mouths=[found])
    assert (result == frame).all()


def test_speech_begins_without_a_jump(frame: np.ndarray, mouth: Mouth) -> None:
    """From the photograph on every small step is a small change."""
    results = [
        layered_renderer.render(frame, mouth, CLOSED, speaking, 0.6)
        for speaking in (0, 0.002, 0.01, 0.02)
    ]
    for before, after in pairwise(results):
        assert np.abs(before.astype(int) - after).max() <= 25
        assert np.abs(before.astype(int) - after).mean() < 0.02


def test_nothing_but_mouth_and_jaw_changes(
    frame: np.ndarray, box: np.ndarray, mouth: Mouth
) -> None:
    before = frame.copy()
    x1, y1, x2, y2 = box
    rows, columns = np.indices(frame.shape[:2])
    outside = (columns < x1) | (columns > x2) | (rows > y2) | (rows < y1 + 0.45 * (y2 - y1))
    for lengths, smile in ((CLOSED, 0.0), (CLOSED, 1.0), (WIDE, 0.0), (WIDE, 1.0)):
        result = moved(frame, mouth, lengths, smile)
        assert (result != frame).any()
        assert (result[outside] == frame[outside]).all()
    assert (frame == before).all()


def test_frames_one_by_one_are_the_same_as_together(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, found: SourceMouth,
    voice_mel: np.ndarray,
) -> None:  # fmt: skip
    drive = engine.drive(voice_mel, 20, 60, 25)[::4]
    boxes = np.tile(box, (len(drive), 1))
    together = engine.render([frame] * len(drive), boxes, drive, mouths=[found] * len(drive))
    assert len({each.tobytes() for each in together}) > len(drive) / 2
    for one, result in zip(drive, together, strict=True):
        fresh = frame.copy()
        (alone,) = engine.render([fresh], box[None], one[None], mouths=[found])
        assert (alone == result).all()


def test_the_weight_changes_smoothly_with_the_teeth(
    frame: np.ndarray, box: np.ndarray, mouth: Mouth, points: np.ndarray
) -> None:
    """As the lips close over the teeth step by step, less and less is moved in layers."""
    weights = []
    for opening in np.linspace(0, 1, 21):
        motion = lip_motion.spoken(mouth.lips, CLOSED, 1 - opening, 1.0)
        nearly = layered_renderer.layer_compositing.composed(
            frame, mouth, layered_mouth.layers(mouth, motion)
        )
        closer = points.copy()
        middle = (points[[61, 62, 63]] + points[[67, 66, 65]]) / 2
        for inner in ([61, 62, 63], [67, 66, 65]):
            closer[inner] = middle + opening * (points[inner] - middle)
        seen = LayeredMouthFinder().find(nearly, box, 0.0, closer)
        weights.append(seen.weight if seen else 0)
    assert weights[0] == 0
    assert weights[-1] == 1
    assert np.abs(np.diff(weights)).max() < 0.5


def test_a_face_turns_into_a_profile_without_a_jump(points: np.ndarray) -> None:
    turned = []
    for share in np.linspace(0, 0.5, 50):
        away = points.copy()
        away[30] += share * (points[45] - points[36])
        turned.append(layered_renderer.frontality(away))
    assert turned[0] == 1
    assert turned[-1] == 0
    assert np.abs(np.diff(turned)).max() < 0.2


def test_without_landmarks_or_without_teeth_there_is_no_mouth_for_layers(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, found: SourceMouth
) -> None:
    drive = np.tile(engine._speaker.closed, (1, 1))
    finder = LayeredMouthFinder()
    assert finder.find(frame, box, 0.0, np.full((68, 2), np.nan, np.float32)) is None
    (closed,) = engine.render([frame], box[None], drive, mouths=[found], style=Style(0.0))
    (plain,) = engine.render([frame], box[None], drive)
    assert (closed != plain).any()
    assert finder.find(closed, box, 0.0, landmarks_in_fitted(closed, tuple(box))) is None
    (without,) = engine.render([frame], box[None], drive, mouths=[None])
    assert (without == plain).all()


def test_a_weight_between_mixes_both_ways(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, found: SourceMouth
) -> None:
    drive = np.tile(engine._speaker.closed, (1, 1))
    drawn, mixed, layered = (
        engine.render([frame], box[None], drive, moving=True, mouths=[each])[0].astype(float)
        for each in (None, replace(found, weight=0.25), found)
    )
    assert np.abs(mixed - (0.75 * drawn + 0.25 * layered)).max() <= 1


def test_in_a_video_the_way_of_drawing_changes_smoothly(found: SourceMouth) -> None:
    seen = [None] * 30 + [found] * 4 + [None] * 20 + [found] * 40 + [None] * 10 + [found] * 20
    finder = LayeredMouthFinder()
    steadied = finder.steadied(seen)
    weights = np.array([0 if each is None else each.weight for each in steadied])
    assert weights[:54].max() == 0  # a glimpse of teeth
    assert weights[70] == 1
    assert np.abs(np.diff(weights)).max() <= 1 / (2 * HANDOVER + 1) + 1e-9
    # Nothing is drawn in layers where there is no mouth for it.
    assert all(mouth is not None for mouth, weight in zip(seen, weights, strict=True) if weight)
    # A part of the video, with what lies around it, comes to the same weights.
    part = finder.steadied(seen[50 - finder.reach : 80 + finder.reach])
    assert part[finder.reach : -finder.reach] == steadied[50:80]


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_small_and_large_faces_move_alike(
    frame: np.ndarray, box: np.ndarray, points: np.ndarray, scale: float
) -> None:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    other = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=how)
    found = LayeredMouthFinder().find(other, box * scale, 0.0, points * scale)
    assert found is not None
    assert found.weight > 0.9
    closed, opened = (
        landmarks_in_fitted(moved(other, found.mouth, lengths), tuple(box * scale))
        for lengths in (CLOSED, WIDE)
    )
    openings = [
        np.linalg.norm(each[[65, 66, 67]] - each[[63, 62, 61]], axis=1).mean() / scale
        for each in (closed, opened)
    ]
    assert openings[1] > openings[0] + 3


def test_a_leaning_head_moves_as_an_upright_one(
    frame: np.ndarray, box: np.ndarray, mouth: Mouth, points: np.ndarray
) -> None:
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    matrix = cv2.getRotationMatrix2D((middle - 0.5).tolist(), -20, 1)
    leaning = cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC)
    at = (points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    found = LayeredMouthFinder().find(leaning, box, 20.0, at)
    assert found is not None
    assert found.weight == 1
    upright = moved(frame, mouth, CLOSED)
    back = cv2.warpAffine(
        moved(leaning, found.mouth, CLOSED), cv2.invertAffineTransform(matrix), frame.shape[1::-1],
        flags=cv2.INTER_CUBIC,
    )  # fmt: skip
    teeth = teeth_of(frame, mouth)
    assert np.abs(back[teeth].astype(int) - upright[teeth]).mean() < 12


def test_strength_multiplies_the_movement(
    engine: CompactEngine, frame: np.ndarray, box: np.ndarray, found: SourceMouth
) -> None:
    drive = np.array([engine._speaker.closed], np.float32)
    drive[0, [0, 1, 5, 6]] += 1.5
    for mouth in (found, None):
        openings = []
        for strength in (0.5, 1.0, 1.5):
            (result,) = engine.render(
                [frame], box[None], drive, mouths=[mouth], style=Style(0.0, strength)
            )
            at = landmarks_in_fitted(result, tuple(box))
            openings.append(np.linalg.norm(at[[65, 66, 67]] - at[[63, 62, 61]], axis=1).mean())
        assert openings == sorted(openings)
        assert openings[2] > openings[0] + 1


def test_a_picture_without_colours_gets_none(
    frame: np.ndarray, box: np.ndarray, points: np.ndarray
) -> None:
    grey = np.repeat(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    found = LayeredMouthFinder().find(grey, box, 0.0, points)
    assert found is not None
    for lengths in (CLOSED, WIDE):
        result = moved(grey, found.mouth, lengths)
        assert (result != grey).any()
        assert np.ptp(result.astype(int), axis=2).max() <= 1


def test_lips_with_an_outline_close_to_an_outline(
    frame: np.ndarray, box: np.ndarray, points: np.ndarray, mouth: Mouth
) -> None:
    drawn, lips = frame.copy(), mouth.lips
    x, y = grid(mouth, frame.shape)
    for curve in (lips.upper_inner, lips.lower_inner):
        on_line = np.abs(y - np.interp(x, lips.columns, curve)) < 1.5
        drawn[on_line & (np.abs(x - lips.middle) < lips.half_width)] = 20
    found = LayeredMouthFinder().find(drawn, box, 0.0, points)
    assert found is not None
    assert found.mouth.teeth.outlined == 1 > 0.2 > mouth.teeth.outlined
    assert found.mouth.interior.line.min() > 0.7 > mouth.interior.line.max()


def test_contours_find_lips_that_landmarks_miss(
    frame: np.ndarray, box: np.ndarray, mouth: Mouth, points: np.ndarray
) -> None:
    off = points.copy()
    off[[65, 66, 67], 1] += 2.0
    inside = lip_contours.on_face(off, mouth.to_face)
    crop = lip_contours.MouthCrop.of(frame, box, 0.0, inside)
    found = lip_contours.find(inside, crop, lip_contours.sides(box))
    middle = np.abs(mouth.lips.across) < 0.4
    moved_by = 2.0 * 192 / (box[3] - box[1])
    shift = (found.lower_inner - mouth.lips.lower_inner)[middle]
    assert np.abs(shift).mean() < 0.35 * moved_by
