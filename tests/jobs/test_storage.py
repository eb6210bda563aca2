from pathlib import Path
from uuid import uuid4

import pytest

from jobs.storage import Storage


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """The same promises hold for a folder and for what only fsspec reaches."""
    url = str(tmp_path / "media") if request.param == "folder" else f"memory://{uuid4().hex}"
    return Storage(url, tmp_path / "work")


def file(folder: Path, content: bytes) -> Path:
    path = folder / uuid4().hex
    path.write_bytes(content)
    return path


def test_equal_bytes_are_stored_once(storage: Storage, tmp_path: Path) -> None:
    first = storage.put_file(file(tmp_path, b"a face"))
    second = storage.put_file(file(tmp_path, b"a face"))
    other = storage.put_file(file(tmp_path, b"another face"))
    assert first == second != other
    digest = first.rpartition("/")[2]
    assert first == f"uploads/{digest[:2]}/{digest}"


def test_a_file_is_read_back_from_any_position(storage: Storage, tmp_path: Path) -> None:
    key = storage.put_file(file(tmp_path, b"0123456789"))
    assert storage.size(key) == 10
    with storage.open(key) as stream:
        stream.seek(4)
        assert stream.read(3) == b"456"
    with storage.local(key) as path:
        assert path.read_bytes() == b"0123456789"


def test_what_is_put_replaces_what_was_there(storage: Storage, tmp_path: Path) -> None:
    source = file(tmp_path, b"old")
    storage.put_at("jobs/1/result.mp4", source)
    storage.put_at("jobs/1/result.mp4", file(tmp_path, b"new"))
    assert not source.exists()
    with storage.open("jobs/1/result.mp4") as stream:
        assert stream.read() == b"new"


def test_a_job_goes_with_all_its_files(storage: Storage, tmp_path: Path) -> None:
    storage.put_at("jobs/1/segments/0.mp4", file(tmp_path, b"x"))
    storage.put_at("jobs/2/result.mp4", file(tmp_path, b"x"))
    storage.delete_folder("jobs/1")
    storage.delete_folder("jobs/1")
    storage.delete("jobs/1/picture.jpg")
    assert not storage.exists("jobs/1/segments/0.mp4")
    assert storage.exists("jobs/2/result.mp4")


def test_what_is_not_there_is_not_given(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError), storage.local("uploads/00/00"):
        pass


def test_scratch_leaves_nothing_behind(storage: Storage, tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with storage.scratch() as folder:
            (folder / "half.mp4").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert list((tmp_path / "work").iterdir()) == []
