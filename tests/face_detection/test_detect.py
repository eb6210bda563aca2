"""Finding faces in the pictures and frames that people bring."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, camera, coffee, coins, rocket

import face_detection
from face_detection import centerface
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import iou
from face_detection.detectors import default_detector, load_detector

# Above the brows to below the chin, ear to ear, as a person draws it.
ASTRONAUT_FACE = (180.0, 76.0, 272.0, 187.0)


@pytest.fixture(scope="module")
def still() -> CenterFaceDetector:
    return CenterFaceDetector(still=True)


@pytest.fixture(scope="module")
def video() -> CenterFaceDetector:
    return CenterFaceDetector()


def test_the_astronaut_is_found_from_brow_to_chin(still: CenterFaceDetector) -> None:
    [[face]] = face_detection.detect([astronaut()], still)
    assert iou(face.box, ASTRONAUT_FACE) > 0.93
    assert face.score > 0.5


def test_two_people_side_by_side_are_two_faces_and_nothing_else(still: CenterFaceDetector) -> None:
    pair = np.hstack([astronaut(), astronaut()[:, ::-1]])
    [faces] = face_detection.detect([pair], still)
    left, right = sorted(face.box for face in faces)
    assert iou(left, ASTRONAUT_FACE) > 0.93
    assert iou(right, (1024.0 - 272, 76.0, 1024.0 - 180, 187.0)) > 0.93


def test_small_faces_in_a_group_photograph_are_found(still: CenterFaceDetector) -> None:
    one = cv2.resize(astronaut(), (190, 190), interpolation=cv2.INTER_AREA)
    group = np.vstack([np.hstack([one] * 5)] * 3)
    [faces] = still.detect([group])
    assert len(faces) == 15
    for face in faces:
        here = np.mod([face.x1, face.y1], 190)
        assert np.abs(here - np.array(ASTRONAUT_FACE[:2]) * 190 / 512).max() < 4


def test_a_large_picture_gives_boxes_in_its_own_pixels(still: CenterFaceDetector) -> None:
    [[face]] = still.detect([cv2.resize(astronaut(), (4096, 4096))])
    assert iou(face.box, tuple(8 * side for side in ASTRONAUT_FACE)) > 0.9  # type: ignore[arg-type]


def test_a_face_at_the_edge_gets_a_box_within_the_frame(still: CenterFaceDetector) -> None:
    [[face]] = still.detect([np.ascontiguousarray(astronaut()[90:, 190:])])
    assert face.x1 >= 0
    assert face.y1 >= 0


@pytest.mark.parametrize("picture", [rocket, coffee, coins])
def test_what_only_resembles_a_face_is_none(picture, still: CenterFaceDetector) -> None:
    frame = picture()
    if frame.ndim == 2:
        frame = np.stack([frame] * 3, axis=-1)
    assert still.detect([frame]) == [[]]


def test_a_man_in_profile_is_found_and_known_to_be_turned(still: CenterFaceDetector) -> None:
    """The photographer looks into his camera, to the right of the picture."""
    [[face]] = still.detect([np.stack([camera()] * 3, axis=-1)])
    assert iou(face.box, (190.0, 115.0, 258.0, 208.0)) > 0.7
    assert 45 < face.yaw < 90


@pytest.mark.parametrize("size", [(1, 1), (1, 1000), (1000, 1)])
def test_odd_pictures_have_no_face(size: tuple[int, int], still: CenterFaceDetector) -> None:
    assert still.detect([np.full((*size, 3), 128, np.uint8)]) == [[]]


def test_a_turned_away_frame_among_others_keeps_its_place(video: CenterFaceDetector) -> None:
    frames = [astronaut(), np.zeros((512, 512, 3), np.uint8), astronaut()]
    assert [len(faces) for faces in face_detection.detect(frames, video)] == [1, 0, 1]


def test_frames_are_read_as_they_are_needed(video: CenterFaceDetector) -> None:
    read = []

    def endless():
        while True:
            read.append(1)
            yield astronaut()

    assert len(next(face_detection.detect(endless(), video))) == 1
    assert len(read) == video.batch_size


def test_the_box_holds_still_while_the_camera_drifts(video: CenterFaceDetector) -> None:
    """A shift by a third of a pixel a frame moves the box by as much, within half a per cent."""
    shifts = np.arange(10) / 3
    frames = [
        cv2.warpAffine(astronaut(), np.array([[1, 0, s], [0, 1, 0]]), (512, 512)) for s in shifts
    ]
    boxes = np.array([faces[0].box for faces in face_detection.detect(frames, video)])
    still_left = boxes - shifts[:, None] * (1, 0, 1, 0)
    assert still_left.std(axis=0).max() < 0.01 * 111


def test_centerface_is_used_until_the_weights_of_s3fd_are_there(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    assert default_detector() == "centerface"
    assert load_detector().name == "centerface"
    (tmp_path / "s3fd-619a316812.pth").write_bytes(b"")
    assert default_detector() == "s3fd"


def test_how_closely_is_looked_is_recorded() -> None:
    assert (
        load_detector("centerface", still=True).parameters != load_detector("centerface").parameters
    )


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="use 's3fd' or 'centerface'"):
        load_detector("haar")


def test_centerface_may_be_asked_by_two_threads_at_once() -> None:
    detector = CenterFaceDetector()
    pictures = [np.roll(astronaut(), 20 * n, axis=1) for n in range(6)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda picture: detector.detect([picture]), pictures))
    assert found == [detector.detect([picture]) for picture in pictures]


def test_what_a_large_picture_took_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV's networks hold what their largest picture took; a worker renders after that."""
    loaded = []

    def load() -> object:
        loaded.append(load_network())
        return loaded[-1]

    load_network = centerface._network
    monkeypatch.setattr(centerface, "_network", load)
    detector = centerface.CenterFaceDetector(still=True)
    small, large = np.zeros((240, 320, 3), np.uint8), np.zeros((960, 1280, 3), np.uint8)
    detector.detect([small, small])
    assert len(loaded) == 1
    detector.detect([large])
    detector.detect([small])
    assert len(loaded) == 2
