"""What a worker computes on is said without loading anything."""

import os
import sys
from pathlib import Path

import pytest

from jobs.database import Database
from jobs.records import Worker
from rendering import device
from workers.heartbeat import Heartbeat

CPU = "processor\t: 0\nmodel name\t: Some Processor 9000\n\nprocessor\t: 1\nmodel name\t: Other\n"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a known processor and no GPU."""
    (tmp_path / "cpuinfo").write_text(CPU)
    monkeypatch.setattr(device, "_CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr(device, "_GPUS", tmp_path / "gpus")
    return tmp_path


def test_a_processor_is_told_with_its_threads() -> None:
    threads = len(os.sched_getaffinity(0))
    assert device.device("auto").startswith(f"Some Processor 9000, {threads} thread")


def test_a_gpu_is_told_before_anything_is_loaded(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = machine / "gpus" / "0000:01:00.0"
    gpu.mkdir(parents=True)
    (gpu / "information").write_text("Model: \t\t NVIDIA H200\nIRQ:   \t\t 0\n")
    monkeypatch.setattr(device, "_has_cuda", lambda: True)
    models = sys.modules.get("rendering.models")
    if models:  # an engine that another test of this process drew with
        models._engine.cache_clear()
    assert device.device("auto") == "NVIDIA H200"


def test_precision_is_told_once_an_engine_is_loaded() -> None:
    assert device._known("fp32").endswith(", float32")
    assert device._known("half").endswith(("float32", "bfloat16", "float16"))
    assert device._known("int8").endswith("16, int8") or device._known("int8").endswith("32, int8")


def test_the_sign_of_life_of_an_engine_tells_its_device(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/mouth.db")
    database.migrate()
    for part in ("engine", "light"):
        Heartbeat(database, part, "auto").beat()
    with database.read() as session:
        told = {worker.part: worker.device for worker in session.query(Worker)}
    assert str(told["engine"]).startswith("Some Processor 9000")
    assert told["light"] is None
