"""A whole spec in one process."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from media import provenance
from media.certificate import local_certificate
from media.probe import content_hash, probe
from media.sound import sound_duration
from rendering.animate import animate, overlapping
from rendering.models import engine_for

from .conftest import Counting, Prepare, opened


def test_a_whole_spec_is_a_signed_video_with_sound(
    prepare: Prepare, film: Path, short_voice: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(film), 1)
    progress = Counting()
    signer = local_certificate(tmp_path / "var")
    animate(spec, tmp_path / "result.mp4", engine_for(spec.source), 0.2, signer, progress)
    credentials = provenance.read(tmp_path / "result.mp4")
    assert credentials is not None
    assert credentials.intact
    assert [each["sha256"] for each in credentials.made_from] == [
        content_hash(film),
        content_hash(short_voice),
    ]
    assert credentials.rendering["checkpoint"] == "compact"
    info = probe(tmp_path / "result.mp4")
    assert (info.width, info.height, info.fps, info.frames) == (300, 300, Fraction(25), 15)
    assert info.has_audio
    assert abs(sound_duration(tmp_path / "result.mp4") - Fraction(3, 5)) <= Fraction(1, 25)
    assert sum(progress.told) == 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.mp4", "var"]


def test_overlapping_parts_read_every_frame_once() -> None:
    frames: Iterator[Any] = iter(range(10))
    parts = [(0, 5), (1, 8), (6, 10)]
    assert [list(part) for part in overlapping(frames, parts)] == [
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4, 5, 6, 7],
        [6, 7, 8, 9],
    ]
