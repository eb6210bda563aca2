"""Specs on real material: CenterFace, the shipped engine, H.264 and AAC."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_detection.cache import DetectionCache
from media.probe import probe
from media.sound import sound_duration
from media.video import read_frames
from rendering.detect import detect_segment
from rendering.link import link_persons
from rendering.models import detector_for, engine_for
from rendering.options import Options
from rendering.progress import Progress
from rendering.render import render_segment
from rendering.spec import RenderSpec, Source, VoiceTrack

Prepare = Callable[..., RenderSpec]

LEFT, RIGHT = slice(0, 300), slice(300, 600)  # the columns of the two faces of `pair`


class Counting(Progress):
    """Remembers how many frames were done at a time; is cancelled after `most` of these."""

    def __init__(self, most: int | None = None) -> None:
        self.told: list[int] = []
        self._most = most

    def advance(self, frames: int) -> None:
        self.told.append(frames)

    def is_cancelled(self) -> bool:
        return self._most is not None and len(self.told) >= self._most


def opened(path: Path, **options: Any) -> Source:
    return Source(path, probe(path), Options(**options))


def rendered(
    spec: RenderSpec, out_path: Path, start: int = 0, stop: int | None = None
) -> np.ndarray:
    """The frames of a part of the result."""
    stop = spec.frames if stop is None else stop
    render_segment(spec, start, stop, out_path, engine_for(spec.source))
    return np.stack(list(read_frames(out_path)))


def stir(frames: np.ndarray, columns: slice) -> float:
    """How much the liveliest spot changes in time, in levels of 255."""
    return float(frames[:, :, columns].astype(float).std(axis=0).max())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> DetectionCache:
    return DetectionCache(str(tmp_path_factory.mktemp("detections")))


@pytest.fixture
def prepare(cache: DetectionCache, short_voice: Path) -> Prepare:
    """A spec in which `speakers` speak the short voice, one after another."""

    def prepare(source: Source, *speakers: int) -> RenderSpec:
        stop = 0 if source.options.box else source.frames
        found = detect_segment(source, 0, stop, detector_for(source, "centerface"), cache)
        length = sound_duration(short_voice)
        voices = tuple(
            VoiceTrack(short_voice, person, length, start=length * number)
            for number, person in enumerate(speakers)
        )
        return RenderSpec(source, voices, tuple(link_persons(source, found)))

    return prepare
