"""Real steps on real material: dlib's detector, the shipped engine, H.264 and AAC."""

import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_detection.cache import DetectionCache
from face_detection.persons import Person
from media import provenance
from media.certificate import local_certificate
from media.errors import NamedError
from media.pictures import read_picture
from media.probe import content_hash, probe
from media.sound import sound_duration
from media.video import read_frames
from media.video_writer import VideoWriter
from rendering import pipeline
from rendering.models import detector_for, engine_for
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack
from rendering.thumbnails import picture_frame, portraits, write_pictures
from wav2lip.engine import Engine

Prepare = Callable[..., RenderSpec]


def opened(path: Path, **options: Any) -> Source:
    return Source(path, probe(path), Options(**options))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> DetectionCache:
    return DetectionCache(str(tmp_path_factory.mktemp("detections")))


@pytest.fixture
def prepare(cache: DetectionCache, short_voice: Path) -> Prepare:
    """A spec in which `speakers` speak the short voice, one after another."""

    def prepare(source: Source, *speakers: int) -> RenderSpec:
        stop = 0 if source.options.box else source.frames
        found = pipeline.detect_segment(
            source, content_hash(source.path), 0, stop, detector_for(source, "dlib"), cache
        )
        length = sound_duration(short_voice)
        voices = tuple(
            VoiceTrack(short_voice, person, length, start=length * number)
            for number, person in enumerate(speakers)
        )
        return RenderSpec(source, voices, tuple(pipeline.link_persons(source, found)))

    return prepare


def rendered(
    spec: RenderSpec, out_path: Path, start: int = 0, stop: int | None = None
) -> np.ndarray:
    """The frames of a part of the result."""
    pipeline.render_segment(
        spec, start, spec.frames if stop is None else stop, out_path, engine_for(spec.source)
    )
    return np.stack(list(read_frames(out_path)))


def stir(frames: np.ndarray, columns: slice) -> float:
    """How much the liveliest spot changes in time, in levels of 255."""
    return float(frames[:, :, columns].astype(float).std(axis=0).max())


LEFT, RIGHT = slice(0, 300), slice(300, 600)


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
    monkeypatch.setattr(pipeline, "VIDEO_CRF", 0)  # the encoder adds nothing of its own
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


def test_the_whole_order_is_a_signed_video_with_sound(
    prepare: Prepare, film: Path, short_voice: Path, tmp_path: Path
) -> None:
    spec = prepare(opened(film), 1)
    told: list[int] = []
    signer = local_certificate(tmp_path / "var")
    pipeline.animate(
        spec, tmp_path / "result.mp4", engine_for(spec.source), 0.2, signer, told.append
    )
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
    assert sum(told) == 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.mp4", "var"]


def test_a_box_is_the_person(prepare: Prepare, pair: Path, tmp_path: Path) -> None:
    x1, y1, x2, y2 = prepare(opened(pair), 1).persons[0].box_at(0) or (0, 0, 0, 0)
    spec = prepare(opened(pair, box=(x1, y1, x2, y2)), 1)
    assert [person.id for person in spec.persons] == [1]
    frames = rendered(spec, tmp_path / "out.mp4")
    assert stir(frames, LEFT) > 10 > 5 > stir(frames, RIGHT)


def test_a_box_outside_and_a_picture_without_a_face_are_told(
    prepare: Prepare, pair: Path, tmp_path: Path
) -> None:
    from PIL import Image

    with pytest.raises(NamedError) as error:
        prepare(opened(pair, box=(5000, 0, 5100, 100)), 1)
    assert error.value.code == "bad-option"
    Image.new("RGB", (200, 200), "white").save(tmp_path / "white.png")
    with pytest.raises(NamedError) as error:
        prepare(opened(tmp_path / "white.png"), 1)
    assert error.value.code == "no-face-found"


def test_detections_are_found_again(film: Path, cache: DetectionCache) -> None:
    source = opened(film)
    content, detector = content_hash(film), detector_for(source, "dlib")
    first = pipeline.detect_segment(source, content, 0, 5, detector, cache)
    told: list[int] = []
    again = pipeline.detect_segment(source, content, 0, 5, detector, cache, told.append)
    assert again.faces == first.faces
    assert np.array_equal(again.signatures, first.signatures)
    assert told == [5]
    assert all(len(faces) == 1 for faces in first.faces)


def test_a_search_in_one_go_finds_what_its_segments_find(film: Path, tmp_path: Path) -> None:
    source = opened(film)
    content, detector = content_hash(film), detector_for(source, "dlib")
    apart, whole = (DetectionCache(str(tmp_path / name)) for name in ("apart", "whole"))
    segments = [
        pipeline.detect_segment(source, content, start, start + 10, detector, apart)
        for start in (0, 10, 20)
    ]
    # What is known already is passed over, before and between what is searched.
    pipeline.detect_segment(source, content, 10, 20, detector, whole)
    told: list[int] = []
    found = pipeline.detect(source, content, 30, detector, whole, 0.4, told.append)
    assert found.faces == pipeline.Seen.joined(segments).faces
    assert np.array_equal(found.signatures, pipeline.Seen.joined(segments).signatures)
    assert sum(told) == 30
    key = pipeline.detections_key(source, content, detector)
    assert all(pipeline.recall(whole, key, start, start + 10) for start in (0, 10, 20))


def test_other_frames_of_the_same_bytes_are_searched_anew(film: Path) -> None:
    source = opened(film)
    detector = detector_for(source, "dlib")
    read_otherwise = replace(source, info=replace(source.info, fps=Fraction(30)))
    keys = {pipeline.detections_key(each, "", detector) for each in (source, read_otherwise)}
    assert len(keys) == 2


def test_a_cancelled_render_leaves_no_file(prepare: Prepare, film: Path, tmp_path: Path) -> None:
    spec = prepare(opened(film), 1)
    with pytest.raises(pipeline.Cancelled):
        pipeline.render_segment(
            spec, 0, 15, tmp_path / "out.mp4", engine_for(spec.source), cancelled=lambda: True
        )
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
        pipeline.render_segment(spec, 0, 15, tmp_path / "out.mp4", engine)
    assert threading.active_count() == before  # although the error is kept, and all that led to it
    assert str(kept.value) == "out of order"
    assert list(tmp_path.iterdir()) == []


def test_the_picker_shows_everybody(prepare: Prepare, pair: Path, tmp_path: Path) -> None:
    spec = prepare(opened(pair), 1)
    assert picture_frame(spec.persons) == 0
    assert write_pictures(spec.source, spec.persons, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "person-1.jpg",
        "person-2.jpg",
        "picture.jpg",
    ]
    assert read_picture(tmp_path / "picture.jpg").shape == (300, 600, 3)
    assert max(read_picture(tmp_path / "person-1.jpg").shape) <= 256


def test_a_portrait_is_of_the_frame_that_shows_its_person_best(tmp_path: Path) -> None:
    """Whatever frame shows most of them."""
    with VideoWriter(tmp_path / "brighter.mp4", 64, 64, Fraction(25)) as writer:
        for number in range(10):
            writer.write(np.full((64, 64, 3), 20 * number, np.uint8))
    scores = np.ones((2, 10), np.float32)
    scores[0, 7] = scores[1, 4] = 2
    boxes = np.tile(np.array([16, 16, 48, 48], np.float32), (10, 1))
    people = [
        Person(number, np.arange(10), boxes, scores[number - 1], Fraction(25)) for number in (1, 2)
    ]
    shown = {
        person.id: float(portrait.mean())
        for person, portrait in portraits(opened(tmp_path / "brighter.mp4"), people)
    }
    assert shown == pytest.approx({1: 140, 2: 80}, abs=2)


def test_a_head_that_leans_is_animated_where_it_is(
    prepare: Prepare, pair: Path, tmp_path: Path
) -> None:
    """The mouth moves below the nose as the head sees it, not as the picture does."""
    from PIL import Image

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
