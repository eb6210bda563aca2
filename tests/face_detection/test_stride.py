"""Few frames are searched, and yet every frame's faces are known as if it had been searched."""

from collections.abc import Callable, Sequence
from types import ModuleType

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection, iou
from face_detection.detectors import load_detector
from face_detection.persons import link
from face_detection.stride import LONG_STRIDE, STRIDE, SURROUNDINGS_PIXELS, Strided, overlapping


class Counting(CenterFaceDetector):
    """Remembers how many frames it was asked to search, and how many parts of frames."""

    searched = 0
    looked_at = 0

    def detect(self, frames: Sequence[np.ndarray], thorough: bool = True) -> list[list[Detection]]:
        whole = sum(frame.size // 3 > 2 * SURROUNDINGS_PIXELS for frame in frames)
        self.searched += whole
        self.looked_at += len(frames) - whole
        return super().detect(frames, thorough)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def nodding() -> list[np.ndarray]:
    """A second of a head that sways, nods and comes nearer."""
    frames = []
    for time in np.arange(25) / 25:
        matrix = cv2.getRotationMatrix2D((226, 132), 5 * np.sin(4 * time), 1 + 0.06 * time)
        matrix[:, 2] += 14 * np.sin(5 * time), 9 * np.sin(7 * time + 1)
        frames.append(cv2.warpAffine(astronaut(), matrix, (512, 300)))
    return frames


def test_boxes_are_those_of_every_frame_within_half_a_per_cent(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    every = np.array([faces[0].box for faces in counting.detect(nodding)])
    counting.searched = 0
    found = Strided(counting).detect(nodding)
    assert counting.searched == 2
    assert [len(faces) for faces in found] == [1] * 25
    widths = every[:, 2] - every[:, 0]
    error = np.abs(every - [faces[0].box for faces in found]).mean(axis=1) / widths
    assert error.mean() <= 0.005
    assert np.percentile(error, 95) <= 0.015


def test_the_next_frames_may_be_searched_before_faces_are_followed_through_these(
    nodding: list[np.ndarray],
) -> None:
    parts = nodding[: STRIDE + 1], nodding[STRIDE:]
    ahead, in_turn = (Strided(CenterFaceDetector()) for _ in range(2))
    searched = [ahead.search(part) for part in parts]
    assert [ahead.follow(each) for each in searched] == [in_turn.detect(part) for part in parts]


def test_who_comes_or_goes_is_there_in_the_right_frames(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    empty = np.full_like(nodding[0], 120)
    frames = [empty] * 5 + nodding[5:12] + [empty] * 8
    found = Strided(counting).detect(frames)
    assert [len(faces) for faces in found] == [0] * 5 + [1] * 7 + [0] * 8


def test_a_flash_between_two_searched_frames_shows_nobody(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    frames = nodding[: STRIDE + 1]
    white = np.full_like(frames[0], 255)
    frames = [*frames[:3], white, white, *frames[5:]]
    found = Strided(counting).detect(frames)
    assert [len(faces) for faces in found] == [1, 1, 1, 0, 0, 1, 1, 1, 1]


def test_a_face_that_leaps_is_searched_for(counting: Counting, nodding: list[np.ndarray]) -> None:
    frames = [np.roll(nodding[0], 0 if at < 5 else -90, axis=1) for at in range(STRIDE + 1)]
    boxes = [faces[0].box for faces in Strided(counting).detect(frames)]
    assert counting.searched > 2
    assert all(iou(box, boxes[0]) > 0.95 for box in boxes[:5])
    assert all(iou(box, boxes[-1]) > 0.95 for box in boxes[5:])
    assert iou(boxes[0], boxes[-1]) < 0.5


def test_at_a_long_stride_a_part_of_the_frame_is_looked_at_now_and_then(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    every = np.array([faces[0].box for faces in counting.detect(nodding)])
    counting.searched = 0
    found = Strided(counting, LONG_STRIDE).detect(nodding)
    assert (counting.searched, counting.looked_at) == (2, 3)
    error = np.abs(every - [faces[0].box for faces in found]).mean(axis=1)
    assert (error / (every[:, 2] - every[:, 0])).mean() <= 0.005


def test_a_face_that_is_hidden_for_a_while_is_not_there_meanwhile(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    hidden = range(10, 18)
    frames = [frame.copy() for frame in nodding]
    for at in hidden:
        frames[at][40:260, 130:330] = (120, 140, 160)
    found = Strided(counting, LONG_STRIDE).detect(frames)
    assert [len(faces) for faces in found] == [at not in hidden for at in range(25)]


def test_where_landmarks_fail_the_surroundings_of_the_face_are_searched() -> None:
    """As S3FD sees a face in profile, of which it is sure and landmarks know nothing."""
    flat = np.full((300, 512, 3), 120, np.uint8)

    class Sure(Counting):
        def detect(
            self, frames: Sequence[np.ndarray], thorough: bool = True
        ) -> list[list[Detection]]:
            super().detect(frames, thorough)
            sizes = [frame.shape[:2] for frame in frames]
            return [[Detection(w / 4, h / 4, 3 * w / 4, 3 * h / 4, 1.0)] for h, w in sizes]

    sure = Sure()
    boxes = [face.box for (face,) in Strided(sure, LONG_STRIDE).detect([flat] * 25)]
    assert (sure.searched, sure.looked_at) == (2, 7)
    assert np.abs(np.array(boxes) - (128, 75, 384, 225)).max() < 3


def test_a_frame_that_two_batches_share_is_searched_once(
    counting: Counting, nodding: list[np.ndarray]
) -> None:
    strided = Strided(counting)
    first, second = overlapping(nodding, 17)
    assert second[0] is first[-1]
    faces = strided.detect(first) + strided.detect(second)[1:]
    assert counting.searched == 2
    assert faces == Strided(counting).detect(nodding)


@pytest.mark.parametrize(
    ("count", "batches"),
    [(0, []), (1, [[0]]), (3, [[0, 1, 2]]), (4, [[0, 1, 2], [2, 3]]), (5, [[0, 1, 2], [2, 3, 4]])],
)
def test_batches_overlap_by_a_frame(count: int, batches: list[list[int]]) -> None:
    frames = [np.full((1, 1, 3), at, np.uint8) for at in range(count)]
    assert [[int(f[0, 0, 0]) for f in batch] for batch in overlapping(frames, 3)] == batches


def test_pictures_that_have_nothing_in_common_are_all_searched(counting: Counting) -> None:
    one, other = astronaut(), np.ascontiguousarray(astronaut()[:, ::-1])
    frames = [one, other, np.zeros_like(one), other, one]
    assert Strided(counting).detect(frames) == CenterFaceDetector().detect(frames)


@pytest.mark.parametrize("count", [0, 1, 2, STRIDE, STRIDE + 1, STRIDE + 2])
def test_any_number_of_frames_may_be_given(
    count: int, counting: Counting, nodding: list[np.ndarray]
) -> None:
    assert [len(faces) for faces in Strided(counting).detect(nodding[:count])] == [1] * count


def test_persons_in_played_scenes_stay_who_they_are(scenes: ModuleType, counting: Counting) -> None:
    """Anna walks behind Berta, the picture is cut, Berta is there alone, and then Anna."""
    stands: dict[str, Callable[[int], tuple[float, float, float]]] = {
        "anna": lambda t: (60 + 5 * t, 105, 80),
        "berta": lambda t: (300 - 5 * t, 100, 84),
    }
    film = scenes.film(
        scenes.Scene(48, stands),
        scenes.Scene(15, {"berta": lambda _: (185, 100, 86)}, wall=1),
        scenes.Scene(15, {"anna": lambda t: (180 + t, 100, 80)}, wall=2),
    )
    found = Strided(counting).detect(film.frames)
    assert counting.searched < len(film.frames) / 2
    persons = link(found, cuts=film.cuts, identity=film.identity)
    assert len(persons) == len(film.persons) == 2
    for at, boxes in enumerate(film.truth):
        for box in boxes.values():
            assert max(iou(person.box_at(at) or (0, 0, 0, 0), box) for person in persons) >= 0.8
    for person, known in zip(persons, film.persons, strict=True):
        assert len(person.intervals) == len(known.intervals)


def test_a_video_is_searched_at_a_stride_and_a_still_is_not() -> None:
    video, still = load_detector("centerface"), load_detector("centerface", still=True)
    assert video.parameters["stride"] == STRIDE
    assert "stride" not in still.parameters
    assert video.name == "centerface"
