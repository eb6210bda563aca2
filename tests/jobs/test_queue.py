import stat
import tempfile
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from jobs.queue import ENGINE, MAX_SOCKET_PATH, Queue, broker_url, socket_path
from jobs.settings import Settings
from media.errors import NamedError


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    return tmp_path / ("a long name with spaces " * 6) / "var"


def test_only_the_owner_reaches_the_socket(tmp_path: Path) -> None:
    path = socket_path(Settings(var_dir=tmp_path))
    assert path == tmp_path / "redis" / "redis.sock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_long_path_is_reached_by_a_short_link(
    deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = socket_path(Settings(var_dir=deep))
    assert len(bytes(path)) <= MAX_SOCKET_PATH
    assert path.parent.resolve() == deep / "redis"
    assert socket_path(Settings(var_dir=deep)) == path


def test_a_link_that_somebody_else_made_is_not_trusted(
    deep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    link = socket_path(Settings(var_dir=deep)).parent
    link.unlink()
    link.symlink_to(tmp_path)
    with pytest.raises(NamedError) as error:
        socket_path(Settings(var_dir=deep))
    assert error.value.code == "socket-in-use"


def test_another_broker_is_used_as_it_is_given() -> None:
    assert broker_url(Settings(broker_url="redis://queue:6379/0")) == "redis://queue:6379/0"


def test_a_broker_that_is_away_is_no_failure(tmp_path: Path) -> None:
    queue = Queue(Settings(var_dir=tmp_path))
    assert queue.enqueue("workers.advance", "job") is False
    with pytest.raises(OperationalError):
        queue.length(ENGINE)
