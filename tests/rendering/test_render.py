"""Rendered segments: whose mouth moves, where, and what stays as it was."""

import threading
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from media.pictures import read_picture
from rendering import render
from rendering.models import engine_for
from rendering.progress import Cancelled
from rendering.render import render_segment
from wav2lip.engine import Engine

from .conftest import LEFT, RIGHT, Counting, Prepare, opened, rendered, stir


def test_only_the_speakers_mouth_moves(prepare: Prepare, pair: Path, tmp_path: Path) -> None:
    spec = prepare(opened(pair), 2)
    left, right = (person.box_at(0) for person in spec.persons)
    assert left
    assert right
    assert left[2] < 300 < right[0]
    frames = rendered(spec, tmp_path / "out.mp4")
    assert len(frames) == spec.frames == 15
    assert stir(frames, RIGHT) > 10 > 5 > stir(frames, LEFT)
    difference = (frames[:, :, LEFT].astype(float) - read_picture(pair)[:, LEFT]) ** 2
    assert 10 * np.log10(255**2 / difference.mean()) >= 40


def test_what_nobody_draws_on_stays_as_it_was_stored(
    prepare: Prepare, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "VIDEO_CRF", 0)  # the encoder adds nothing of its own
    spec = prepare(opened(film, badge="none"), 1)
    rendered(spec, tmp_path / "out.mp4")
    before, after = (
        list(opened(path).read_planar(range(15))) for path in (film, tmp_path / "out.mp4")
    )
    faces = [spec.box(spec.persons[0], frame) for frame in range(15)]
    for a, b, face in zip(before, after, faces, strict=True):
        assert face
        rows, columns = np.nonzero(a.levels[:300] != b.levels[:300])
        assert len(rows) > 500
        assert face[1] <= rows.min()
        assert rows.max() <= face[3]
        assert face[0] <= columns.min()
        assert columns.max() <= face[2]
        assert (a.levels[300:] != b.levels[300:]).mean() < 0.1


def test_two_people_take_turns_and_rest_meanwhile(
    prepare: Prepare, pair: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(pair), 1, 2)
    frames = rendered(spec, tmp_path / "out.mp4")
    assert len(frames) == 30
    # A mouth opens a little before its voice is heard, and closes a little after.
    assert stir(frames[:10], LEFT) > 10 > 5 > stir(frames[:10], RIGHT)
    assert stir(frames[20:], RIGHT) > 10 > 5 > stir(frames[20:], LEFT)


def test_segments_make_the_same_frames_as_the_whole(
    prepare: Prepare, film: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(film), 1)
    whole = rendered(spec, tmp_path / "whole.mp4")
    parts = [
        rendered(spec, tmp_path / f"{start}.mp4", start, stop) for start, stop in ((0, 8), (8, 15))
    ]
    joined = np.concatenate(parts)
    assert joined.shape == whole.shape
    # What differs is the codec's noise: the second part begins with a picture of its own.
    assert np.abs(joined.astype(int) - whole).mean() < 1.5


def test_a_head_that_leans_is_animated_where_it_is(
    prepare: Prepare, pair: Path, tmp_path: Path
) -> None:
    """The mouth moves below the nose as the head sees it, not as the picture does."""
    portrait = Image.open(pair).crop((0, 0, 300, 300))
    portrait.rotate(-38, Image.Resampling.BICUBIC, fillcolor="grey").save(tmp_path / "leaning.png")
    spec = prepare(opened(tmp_path / "leaning.png"), 1)
    [person] = spec.persons
    assert person.roll_at(0) == pytest.approx(41, abs=3)
    frames = rendered(spec, tmp_path / "out.mp4").astype(float)
    rows, columns = np.nonzero(frames.std(axis=0).max(axis=2) > 8)
    x1, y1, x2, y2 = person.box_at(0) or (0, 0, 0, 0)
    # Clockwise, so the mouth is to the lower left of the middle of the face.
    assert columns.mean() < (x1 + x2) / 2 - 0.1 * (x2 - x1)
    assert rows.mean() > (y1 + y2) / 2 + 0.1 * (y2 - y1)


def test_a_cancelled_render_leaves_no_file(prepare: Prepare, film: Path, tmp_path: Path) -> None:
    spec = prepare(opened(film), 1)
    with pytest.raises(Cancelled):
        render_segment(spec, 0, 15, tmp_path / "out.mp4", engine_for(spec.source), Counting(0))
    assert list(tmp_path.iterdir()) == []


class Failing:
    """An engine that fails in its second batch."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls = count(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def render(self, *given: Any, **options: Any) -> list[np.ndarray]:
        if next(self._calls) == 2:
            raise RuntimeError("out of order")
        return self._engine.render(*given, **options)


def test_a_failed_render_leaves_no_file_and_no_thread(
    prepare: Prepare, film: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(film, box=(80, 60, 200, 220), wav2lip_batch_size=2), 1)
    before = threading.active_count()
    engine = Failing(engine_for(spec.source))
    with pytest.raises(RuntimeError) as kept:
        render_segment(spec, 0, 15, tmp_path / "out.mp4", engine)
    assert threading.active_count() == before  # although the error is kept, and all that led to it
    assert str(kept.value) == "out of order"
    assert list(tmp_path.iterdir()) == []


def test_a_render_that_is_cancelled_on_the_way_leaves_no_file_and_no_thread(
    prepare: Prepare, film: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(film, box=(80, 60, 200, 220), wav2lip_batch_size=2), 1)
    before = threading.active_count()
    with pytest.raises(Cancelled) as kept:
        render_segment(spec, 0, 15, tmp_path / "out.mp4", engine_for(spec.source), Counting(2))
    assert threading.active_count() == before  # although the error is kept, and all that led to it
    assert kept.type is Cancelled
    assert list(tmp_path.iterdir()) == []
