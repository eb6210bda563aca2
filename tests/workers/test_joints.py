"""A video made in pieces is the video made in one: nothing shows, clicks or is missing between."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from face_detection.persons import Person
from media.certificate import local_certificate
from media.probe import probe
from media.sound import sound_duration
from media.video import read_frames
from rendering.animate import animate
from rendering.models import engine_for
from rendering.options import Options
from rendering.spec import RenderSpec, Source, VoiceTrack

BOX = (70.0, 50.0, 190.0, 210.0)


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, film: Path, short_voice: Path
) -> tuple[Path, Path]:
    """The same spec made in pieces of five frames, and in one piece."""
    folder = tmp_path_factory.mktemp("joints")
    source = Source(film, probe(film), Options(box=BOX))
    length = sound_duration(short_voice)
    voices = tuple(VoiceTrack(short_voice, 1, length, start=n * length) for n in range(3))
    boxes = np.array([BOX], np.float32)
    person = Person(1, np.array([0]), boxes, np.ones(1, np.float32), source.fps)
    spec = RenderSpec(source, voices, (person,))
    made = folder / "pieces.mp4", folder / "whole.mp4"
    for path, seconds in zip(made, (0.2, 60.0), strict=True):
        certificate = local_certificate(folder)
        animate(spec, path, engine_for(source), seconds, certificate)
    return made


def packets(path: Path, kind: str) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams if each.type == kind)
        return [(p.pts, p.duration, bytes(p)) for p in container.demux(stream) if p.size]


def test_the_sound_is_the_same_to_the_byte(both: tuple[Path, Path]) -> None:
    pieces, whole = (packets(path, "audio") for path in both)
    assert len(whole) > 50
    assert pieces == whole


def test_the_pictures_follow_each_other_without_a_gap(both: tuple[Path, Path]) -> None:
    with av.open(str(both[0])) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    assert times == [Fraction(n, 25) for n in range(45)]
    pieces, whole = (probe(path) for path in both)
    assert (pieces.frames, pieces.fps, pieces.duration) == (45, 25, whole.duration)


def test_the_pictures_differ_by_the_codecs_noise_and_no_more_at_the_joints(
    both: tuple[Path, Path],
) -> None:
    pieces, whole = (np.stack(list(read_frames(path))).astype(float) for path in both)
    error = ((pieces - whole) ** 2).mean(axis=(1, 2, 3))
    decibels = 10 * np.log10(255**2 / np.maximum(error, 1e-9))
    assert decibels.min() >= 38
    first_of_a_piece = decibels[5::5]
    assert first_of_a_piece.mean() >= decibels.mean() - 1
