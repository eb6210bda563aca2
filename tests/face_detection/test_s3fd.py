"""S3FD without its weights: everything but what they know of faces."""

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.data import astronaut

import checkpoints
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import iou
from face_detection.detectors import load_detector
from face_detection.s3fd import S3fdDetector
from media.errors import NamedError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file in the layout of the public one, as a network that has learnt nothing."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("s3fd") / "s3fd.pth"
    torch.save(s3fd().state_dict(), path)
    yield path
    path.unlink()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"someone reaches for the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


class Maps(torch.nn.Module):
    """Stands where the network stands and has seen one face, in one frame of the batch.

    At place (row, column) of the maps of `stride`, moved by `moved` of the anchor's size.
    """

    def __init__(self, stride=32, place=(4, 7), moved=(0.0, 0.0), logit=10.0, index=0) -> None:
        super().__init__()
        self.stride, self.place, self.moved = stride, place, moved
        self.logit, self.index = logit, index

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        n, _, height, width = pictures.shape
        maps = []
        for stride in (4, 8, 16, 32, 64, 128):
            size = -(-height // stride), -(-width // stride)
            scores = torch.full((n, 2, *size), -10.0)
            scores[:, 0] = 10.0
            offsets = torch.zeros(n, 4, *size)
            if stride == self.stride and self.index < n:
                here = (self.index, slice(None), *self.place)
                scores[here] = torch.tensor([0.0, self.logit])
                # The variance of S3FD's offsets is 0.1.
                offsets[here] = torch.tensor([*self.moved, 0.0, 0.0]) / 0.1
            maps += [scores, offsets]
        return maps


def seeing(weights: Path, maps: torch.nn.Module, **options: int) -> S3fdDetector:
    detector = S3fdDetector(weights, device="cpu", **options)
    detector.sfd.face_detector = maps
    return detector


def test_it_runs_offline_and_stays_within_the_frame(weights: Path, offline: None) -> None:
    detector = S3fdDetector(weights, device="cpu")
    # A network that takes every place for a face of 64 pixels, also those at the edge.
    network = detector.sfd.face_detector.network
    with torch.no_grad():
        network.conv5_3_norm_mbox_conf.bias.copy_(torch.tensor([0.0, 5.0]))
    [faces] = detector.detect([np.ascontiguousarray(astronaut()[300:420, :160])])
    assert len(faces) > 2
    for face in faces:
        # A box that leans is rotated about its centre, and only that is held in the frame.
        width, height = (face.x2 - face.x1, face.y2 - face.y1) if face.roll else (0.0, 0.0)
        assert -width / 2 <= face.x1 < face.x2 <= 160 + width / 2
        assert -height / 2 <= face.y1 < face.y2 <= 120 + height / 2
        assert 0.8 <= face.score <= 1


def test_a_picture_of_one_pixel_is_no_face(weights: Path) -> None:
    blind = seeing(weights, Maps(logit=-10.0, place=(0, 0)))
    assert blind.detect([np.zeros((1, 1, 3), np.uint8)]) == [[]]


def test_the_maps_are_read_as_boxes(weights: Path) -> None:
    """An anchor has four strides a side: 128 here, about (240, 144) moved to (227, 131)."""
    detector = seeing(weights, Maps(stride=32, place=(4, 7), moved=(-0.1, -0.1)))
    [[raw]] = detector.sfd.detect_from_batch(torch.zeros(1, 3, 512, 512))
    assert raw[:4] == pytest.approx([227.2 - 64, 131.2 - 64, 227.2 + 64, 131.2 + 64], abs=0.01)
    assert raw[4] == pytest.approx(1.0, abs=1e-3)


def test_a_box_means_the_same_as_with_centerface(weights: Path) -> None:
    detector = seeing(weights, Maps(stride=32, place=(4, 7), moved=(-0.1, -0.1)))
    [[ours]] = detector.detect([astronaut()])
    [[theirs]] = CenterFaceDetector().detect([astronaut()])
    assert iou(ours.box, theirs.box) > 0.95


def test_boxes_of_a_large_frame_are_in_its_own_pixels(weights: Path) -> None:
    detector = seeing(weights, Maps(stride=32, place=(4, 7), moved=(-0.1, -0.1)))
    detector.max_pixels = 512 * 512
    [[small]] = detector.detect([astronaut()])
    [[large]] = detector.detect([np.repeat(np.repeat(astronaut(), 2, axis=0), 2, axis=1)])
    assert iou(tuple(2 * side for side in small.box), large.box) > 0.95  # type: ignore[arg-type]


def test_a_search_that_is_not_thorough_is_of_a_smaller_picture(weights: Path) -> None:
    """An anchor of 64 pixels of 256 shows the face that one of 128 of 512 does elsewhere."""
    seen = []

    class Looking(Maps):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            seen.append(pictures.shape[2:])
            return super().forward(pictures)

    detector = seeing(weights, Looking(stride=16, place=(3, 6), moved=(0.14, 0.14)))
    [[brief]] = detector.detect([astronaut()], thorough=False)
    assert seen == [(256, 256)]
    [[theirs]] = CenterFaceDetector().detect([astronaut()])
    assert iou(brief.box, theirs.box) > 0.9


def test_a_face_in_one_frame_of_a_batch_is_in_that_frame_only(weights: Path) -> None:
    maps = Maps(stride=32, place=(4, 7), moved=(-0.1, -0.1), index=1)
    detector = seeing(weights, maps, batch_size=3)
    found = detector.detect([astronaut()] * 3)
    assert [len(faces) for faces in found] == [0, 1, 0]


def test_where_no_face_can_be_fitted_only_a_sure_box_stays(weights: Path) -> None:
    rocket = Maps(place=(3, 13), logit=0.7)
    assert seeing(weights, rocket).detect([astronaut()]) == [[]]
    [[sure]] = seeing(weights, Maps(place=(3, 13), logit=10.0)).detect([astronaut()])
    assert iou(sure.box, (432 - 64, 112 - 64, 432 + 64, 112 + 64)) > 0.35


def test_frames_of_several_sizes_may_be_mixed(weights: Path) -> None:
    detector = seeing(weights, Maps(moved=(-0.1, -0.1)), batch_size=4)
    frames = [astronaut(), astronaut(), astronaut()[:400], astronaut()]
    # Only the first frame of a batch shows a face to these maps.
    assert [len(faces) for faces in detector.detect(frames)] == [1, 0, 1, 1]


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."),
    ],
)
def test_the_batch_halves_until_it_fits_into_memory(weights: Path, full: Exception) -> None:
    tried = []

    class Greedy(Maps):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            tried.append(len(pictures))
            if len(pictures) > 2:
                raise full
            return super().forward(pictures)

    detector = seeing(weights, Greedy(moved=(-0.1, -0.1)), batch_size=8)
    found = detector.detect([astronaut()] * 5)
    # Only the first frame of a batch shows a face to these maps.
    assert [len(faces) for faces in found] == [1, 0, 1, 0, 1]
    assert tried == [5, 4, 2, 2, 1]
    assert detector.batch_size == 2


def test_a_frame_that_never_fits_is_not_tried_for_ever(weights: Path) -> None:
    class Full(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            raise torch.OutOfMemoryError("the device is full")

    with pytest.raises(torch.OutOfMemoryError):
        seeing(weights, Full(), batch_size=4).detect([astronaut()])


def test_any_other_error_of_the_network_is_told_at_once(weights: Path) -> None:
    tried = []

    class Broken(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
            tried.append(len(pictures))
            raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes do not match"):
        seeing(weights, Broken(), batch_size=4).detect([astronaut()] * 4)
    assert tried == [4]


def test_bfloat16_and_float32_see_the_same(weights: Path) -> None:
    from face_alignment.detection.sfd import FaceDetector

    picture = torch.from_numpy(astronaut()[:128, 160:288].copy()).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        exact = FaceDetector("cpu", path_to_detector=str(weights)).face_detector(picture)
        quick = S3fdDetector(weights, device="cpu").sfd.face_detector(picture)
    for a, b in zip(exact, quick, strict=True):
        assert b.dtype == torch.float32
        assert (a - b).abs().max() <= 0.02 * max(a.abs().max(), 0.1)


def test_missing_weights_say_how_to_get_them(tmp_path: Path, monkeypatch, offline) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    with pytest.raises(NamedError, match="mouth fetch s3fd") as missing:
        load_detector("s3fd")
    assert missing.value.code == "checkpoint-missing"
    with pytest.raises(NamedError, match="mouth fetch s3fd") as missing:
        S3fdDetector(tmp_path / "nothing.pth")
    assert missing.value.code == "checkpoint-missing"


def test_damaged_weights_are_named(tmp_path: Path, weights: Path, monkeypatch) -> None:
    monkeypatch.setenv("MOUTH_CHECKPOINTS", str(tmp_path))
    (tmp_path / checkpoints.get("s3fd").file).write_bytes(b"half a download")
    with pytest.raises(NamedError) as damaged:
        load_detector("s3fd")
    assert damaged.value.code == "checkpoint-corrupt"
    for content in (b"", b"text", weights.read_bytes()[:100_000]):
        path = tmp_path / "own.pth"
        path.write_bytes(content)
        with pytest.raises(NamedError, match="does not hold the weights") as damaged:
            S3fdDetector(path)
        assert damaged.value.code == "checkpoint-corrupt"


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(NamedError, match="does not hold the weights"):
        S3fdDetector(path)


def test_other_weights_are_another_detector(weights: Path, tmp_path: Path) -> None:
    state = torch.load(weights, weights_only=True)
    state["conv1_1.bias"] += 1
    torch.save(state, tmp_path / "other.pth")
    one, other = S3fdDetector(weights), S3fdDetector(tmp_path / "other.pth")
    assert one.parameters != other.parameters
    (tmp_path / "other.pth").unlink()
