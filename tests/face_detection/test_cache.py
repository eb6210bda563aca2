"""Detections are found again if they are the right ones and whole; otherwise not at all."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from face_detection.cache import DetectionCache, cache_key
from face_detection.centerface import CenterFaceDetector
from face_detection.detection import Detection
from face_detection.identity import FaceSample

FOUND = [
    [Detection(1.5, 2.25, 30.1, 40.7, 0.3), Detection(100.0, 2.0, 130.0, 1 / 3, 0.1)],
    [],
    [Detection(0.1 + 0.2, 2.0, 31.0, 41.0, 0.9, roll=-1 / 3, yaw=2 / 3)],
]


def only_file(folder: Path) -> Path:
    [path] = [path for path in folder.rglob("*") if path.is_file()]
    return path


def test_what_was_put_is_got(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 10, 13, FOUND)
    assert cache.get("key", 10, 13) == FOUND
    assert only_file(tmp_path).read_text().splitlines()[1] == "frame,x1,y1,x2,y2,score,roll,yaw"


def test_signatures_are_kept_beside_the_faces(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    seen = np.random.default_rng(0).integers(0, 256, (3, 24, 24), np.uint8)
    seen[0] = 0
    cache.put_signatures("key", 10, 13, seen)
    assert cache.get("key", 10, 13) is None
    assert np.array_equal(cache.get_signatures("key", 10, 13), seen)
    assert cache.get_signatures("other", 10, 13) is None
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"00", b"01", 1))
    assert cache.get_signatures("key", 10, 13) is None
    with pytest.raises(ValueError, match="3 lists"):
        cache.put_signatures("key", 10, 14, seen)


def test_a_face_is_looked_at_once(tmp_path: Path) -> None:
    asked = []

    def identity(looks: Sequence[FaceSample]) -> np.ndarray:
        asked.append(looks)
        return np.random.default_rng(len(looks)).normal(size=(len(looks), 128)).astype(np.float32)

    cache = DetectionCache(str(tmp_path))
    looks = [(n, face.box, face.roll) for n, faces in enumerate(FOUND) for face in faces]
    first = cache.remembering("film", identity)(looks)
    again = cache.remembering("film", identity)(list(looks))
    assert (first.shape, first.dtype) == ((3, 128), np.float32)
    assert np.array_equal(first, again)
    assert asked == [looks]
    assert cache.remembering("film", identity)(looks[:2]).shape == (2, 128)
    cache.remembering("other film", identity)(looks)
    assert asked == [looks, looks[:2], looks]
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.write_bytes(path.read_bytes()[:-3])
    assert np.array_equal(cache.remembering("film", identity)(looks), first)
    assert len(asked) == 4


def test_nothing_else_is_got(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 10, 13, FOUND)
    assert cache.get("other", 10, 13) is None
    assert cache.get("key", 10, 14) is None
    assert cache.get("key", 0, 3) is None


def test_frames_without_faces_are_known_too(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 0, 2, [[], []])
    assert cache.get("key", 0, 2) == [[], []]


def test_put_again_replaces(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 0, 1, [[]])
    cache.put("key", 0, 1, FOUND[:1])
    assert cache.get("key", 0, 1) == FOUND[:1]
    assert only_file(tmp_path).name == "0-1.csv"


def test_any_place_that_fsspec_can_write_will_do() -> None:
    cache = DetectionCache("memory://detections")
    cache.put("key", 0, 3, FOUND)
    assert cache.get("key", 0, 3) == FOUND


def test_a_list_too_few_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 lists for the frames 0 to 4"):
        DetectionCache(str(tmp_path)).put("key", 0, 4, FOUND)


def test_a_damaged_file_is_told_and_thrown_away(tmp_path: Path, caplog) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 0, 3, FOUND)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with caplog.at_level(logging.WARNING):
        assert cache.get("key", 0, 3) is None
    assert "damaged" in caplog.text
    assert not path.exists()


def test_a_file_that_was_moved_to_another_place_is_not_believed(tmp_path: Path) -> None:
    cache = DetectionCache(str(tmp_path))
    cache.put("key", 0, 3, FOUND)
    path = only_file(tmp_path)
    path.rename(path.with_name("3-6.csv"))
    assert cache.get("key", 3, 6) is None


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@settings(deadline=None)
@given(damage=st.data())
def test_no_damage_gives_wrong_faces(shelf: Path, damage: st.DataObject) -> None:
    cache = DetectionCache(str(shelf))
    cache.put("key", 0, 3, FOUND)
    path = only_file(shelf)
    content = path.read_bytes()
    at = damage.draw(st.integers(0, len(content) - 1), label="at")
    rest = damage.draw(st.sampled_from([b"", content[at + 1 :]]), label="rest")
    path.write_bytes(content[:at] + damage.draw(st.binary(max_size=3), label="instead") + rest)
    assert cache.get("key", 0, 3) in (None, FOUND)


@settings(deadline=None)
@given(at=st.integers(0, 400))
def test_a_file_cut_anywhere_is_a_miss(shelf: Path, at: int) -> None:
    cache = DetectionCache(str(shelf))
    cache.put("key", 0, 3, FOUND)
    path = only_file(shelf)
    content = path.read_bytes()
    path.write_bytes(content[: at % len(content)])
    assert cache.get("key", 0, 3) is None


def test_the_key_is_of_the_bytes_and_of_how_they_are_looked_at() -> None:
    detector = CenterFaceDetector()
    key = cache_key("0123", "rotated", detector)
    assert key == cache_key("0123", "rotated", CenterFaceDetector())
    assert key.startswith("centerface-")
    others = {
        cache_key("4567", "rotated", detector),
        cache_key("0123", "", detector),
        cache_key("0123", "rotated", CenterFaceDetector(still=True)),
    }
    assert len(others | {key}) == 4
