"""Detection in segments and in one go, and what is kept of it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from face_detection.cache import DetectionCache
from rendering.detect import (
    SegmentDetections,
    cached_detections,
    detect_frames,
    detect_segment,
    detections_key,
)
from rendering.models import detector_for
from rendering.progress import Cancelled

from .conftest import Counting, opened


def test_detections_are_found_again(film: Path, cache: DetectionCache) -> None:
    source = opened(film)
    detector = detector_for(source, "centerface")
    first = detect_segment(source, 0, 5, detector, cache)
    progress = Counting()
    again = detect_segment(source, 0, 5, detector, cache, progress)
    assert again.faces == first.faces
    assert np.array_equal(again.signatures, first.signatures)
    assert progress.told == [5]
    assert all(len(faces) == 1 for faces in first.faces)


def test_a_search_in_one_go_finds_what_its_segments_find(film: Path, tmp_path: Path) -> None:
    source = opened(film)
    detector = detector_for(source, "centerface")
    apart, whole = (DetectionCache(str(tmp_path / name)) for name in ("apart", "whole"))
    segments = [detect_segment(source, start, start + 10, detector, apart) for start in (0, 10, 20)]
    # What is known already is passed over, before and between what is searched.
    detect_segment(source, 10, 20, detector, whole)
    progress = Counting()
    found = detect_frames(source, 30, detector, whole, 0.4, progress)
    assert found.faces == SegmentDetections.joined(segments).faces
    assert np.array_equal(found.signatures, SegmentDetections.joined(segments).signatures)
    assert sum(progress.told) == 30
    key = detections_key(source, detector)
    assert all(cached_detections(whole, key, start, start + 10) for start in (0, 10, 20))


def test_other_frames_of_the_same_bytes_are_searched_anew(film: Path) -> None:
    source = opened(film)
    detector = detector_for(source, "centerface")
    read_otherwise = replace(source, info=replace(source.info, fps=Fraction(30)))
    keys = {detections_key(each, detector) for each in (source, read_otherwise)}
    assert len(keys) == 2


def test_a_cancelled_search_keeps_nothing(film: Path, tmp_path: Path) -> None:
    source, cache = opened(film), DetectionCache(str(tmp_path / "kept"))
    detector = detector_for(source, "centerface")
    with pytest.raises(Cancelled):
        detect_segment(source, 0, 10, detector, cache, Counting(0))
    assert cached_detections(cache, detections_key(source, detector), 0, 10) is None
