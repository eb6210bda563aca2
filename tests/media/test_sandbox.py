"""Files are looked into by a process that may fail, and then only the file is at fault."""

import os
import signal
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from media import sandbox
from media.errors import MediaError
from media.probe import Limits, probe
from media.sandbox import Bounds


def code_of(path: Path, bounds: Bounds) -> str:
    with pytest.raises(MediaError) as failure:
        sandbox.probe(path, Limits(), bounds)
    return failure.value.code


def nursery() -> int:
    """The process id of the one that makes the children."""
    process = sandbox._nursery._process
    assert process is not None
    return process.pid


def test_it_sees_what_is_seen_without_it(astronaut_file: Path, short_voice: Path) -> None:
    for path in (astronaut_file, short_voice):
        assert sandbox.probe(path, Limits(), Bounds()) == probe(path)
    assert sandbox.voice_duration(short_voice, Bounds()) == Fraction(3, 5)


def test_errors_come_out_by_their_names(tmp_path: Path, astronaut_file: Path) -> None:
    text = tmp_path / "film.mp4"
    text.write_text("This is no film.")
    assert code_of(text, Bounds()) == "unreadable-media"
    assert code_of(tmp_path / "nothing.mp4", Bounds()) == "unreadable-media"
    with pytest.raises(MediaError) as failure:
        sandbox.probe(astronaut_file, Limits(pixels=1000), Bounds())
    assert failure.value.code == "too-large"
    with pytest.raises(MediaError) as failure:
        sandbox.voice_duration(astronaut_file, Bounds())
    assert failure.value.code == "not-a-voice"


def test_what_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    Image.new("RGB", (5000, 1800)).save(tmp_path / "black.png")
    assert sandbox.probe(tmp_path / "black.png", Limits(), Bounds()).width == 5000
    assert code_of(tmp_path / "black.png", Bounds(memory=20_000_000)) == "too-demanding"


def test_what_takes_too_long_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.mp4")  # whoever opens it to read waits for a writer
    assert code_of(tmp_path / "endless.mp4", Bounds(seconds=1)) == "too-demanding"


def test_a_killed_nursery_is_replaced(astronaut_file: Path) -> None:
    sandbox.probe(astronaut_file, Limits(), Bounds())
    dead = nursery()
    os.kill(dead, signal.SIGKILL)
    assert sandbox.probe(astronaut_file, Limits(), Bounds()).kind == "image"
    assert nursery() != dead


def test_it_knows_no_secrets(astronaut_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox._nursery.stop()
    monkeypatch.setenv("SECRET_KEY", "do not hand me on")
    sandbox.probe(astronaut_file, Limits(), Bounds())
    environment = Path(f"/proc/{nursery()}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"do not hand me on" not in environment
