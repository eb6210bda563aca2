"""Footage is cut where nobody speaks, to the frame."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dataset import clips
from dataset.clips import CutOptions, split_span
from media.errors import NamedError
from media.probe import probe
from media.sound import read_sound, sound_duration
from media.video import read_frames

ROOT = Path(__file__).resolve().parents[2]
NTSC = Fraction(30000, 1001)
BITS = 8


def bars(number: int, opening: float) -> np.ndarray:
    """A frame that shows its number as black and white bars."""
    levels = [255 * (number >> bit & 1) for bit in range(BITS)]
    row = np.repeat(np.array(levels, np.uint8), 128 // BITS)
    return np.broadcast_to(row[None, :, None], (64, 128, 3)).copy()


def number_on(frame: np.ndarray) -> int:
    levels = frame[..., 1].reshape(frame.shape[0], BITS, -1).mean(axis=(0, 2))
    return sum(1 << bit for bit, level in enumerate(levels) if level > 127)


@pytest.fixture(params=[Fraction(25), NTSC], ids=["25", "29.97"])
def footage(
    request: pytest.FixtureRequest, write_footage: Callable[..., Path], tmp_path: Path
) -> tuple[Path, Fraction]:
    """Two seconds of speech, a pause, half a second, a pause, 1.6 s."""
    spans = [(2, 0.6), (0.5, 0.6), (1.6, 0.6)]
    path = write_footage(tmp_path / "raw" / "talk.mp4", spans, request.param, picture=bars)
    return path, request.param


def test_cut_on_silences_to_the_frame(footage: tuple[Path, Fraction], tmp_path: Path) -> None:
    path, fps = footage
    out = tmp_path / "clips"
    report = clips.main(path.parent, out)
    assert [each.reason for each in report.done.outcomes] == ["", "shorter than 1 s", ""]
    expected = [(0.0, 2.0), (3.7, 5.3)]
    for each, (start, stop) in zip(report.kept, expected, strict=True):
        (name,) = each.made
        first, last = (int(part) for part in Path(name).stem.split("-"))
        assert first == pytest.approx(start * fps, abs=1.01)
        assert last == pytest.approx(stop * fps, abs=1.01)
        numbers = [number_on(frame) for frame in read_frames(out / name)]
        assert numbers == list(range(first, last))
        assert probe(out / name).fps == fps
        assert abs(sound_duration(out / name) * fps - len(numbers)) < 1


def test_the_sound_stays_where_it_was(footage: tuple[Path, Fraction], tmp_path: Path) -> None:
    path, fps = footage
    report = clips.main(path, tmp_path / "clips")
    whole = read_sound(path)
    for each in report.kept:
        first = int(Path(each.made[0]).stem.split("-")[0])
        cut = read_sound(tmp_path / "clips" / each.made[0])
        begin = round(first / fps * 16000)
        part = whole[begin : begin + len(cut)]
        # The lag at which both agree best, within 10 ms: AAC changes samples, not their place.
        lags = range(-160, 161)
        inner = slice(2000, len(part) - 2000)
        fit = [np.dot(part[inner], np.roll(cut[: len(part)], lag)[inner]) for lag in lags]
        assert abs(lags[int(np.argmax(fit))]) <= 2


def test_sound_that_begins_later_than_the_picture_stays_later(
    write_footage: Callable[..., Path], tmp_path: Path
) -> None:
    together = write_footage(tmp_path / "together.mp4", [(1.6, 1)], picture=bars)
    apart = tmp_path / "apart.mp4"
    _delay_sound(together, apart, Fraction(1, 2))
    (clip,) = clips.main(apart, tmp_path / "clips").kept
    frames = list(read_frames(tmp_path / "clips" / clip.made[0]))
    assert number_on(frames[0]) == pytest.approx(12.5, abs=2)
    assert len(frames) == pytest.approx(1.6 * 25, abs=3)


def test_long_speech_goes_to_pieces() -> None:
    def lengths(seconds: int, **how: float) -> list[int]:
        span = (Fraction(0), Fraction(seconds))
        found = split_span(span, Fraction(25), 10_000, CutOptions(**how))
        return [stop - start for start, stop in found]

    assert lengths(10) == [250]
    assert lengths(12) == [125, 125, 50]
    assert lengths(12, longest=20) == [300]
    assert lengths(12, piece=4) == [100, 100, 100]


def test_pieces_stay_inside_the_video() -> None:
    span = (Fraction(-1, 2), Fraction(3))
    assert list(split_span(span, Fraction(25), 60, CutOptions())) == [(0, 60)]


def test_footage_of_silence_is_named(write_footage: Callable[..., Path], tmp_path: Path) -> None:
    path = write_footage(tmp_path / "still.mp4", [(0, 1)], picture=bars)
    report = clips.main(path, tmp_path / "clips")
    assert report.reasons == [("nothing but silence", 1)]
    assert "0 kept" in report.summary()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamedError, match="There is no video"):
        clips.main(tmp_path, tmp_path / "clips")


def test_killed_it_ends_with_the_same_clips(
    write_footage: Callable[..., Path], tmp_path: Path
) -> None:
    spans = [(1.2, 0.5)] * 6
    write_footage(tmp_path / "raw" / "talk.mp4", spans, picture=bars)
    words = [sys.executable, "-m", "cli", "dataset", "clips", str(tmp_path / "raw")]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*words, str(whole)], cwd=ROOT, check=True, capture_output=True)

    process = subprocess.Popen([*words, str(broken)], cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None and len(list(broken.rglob("*.mp4"))) < 2:
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "report.json").exists()

    subprocess.run([*words, str(broken)], cwd=ROOT, check=True, capture_output=True)
    names = sorted(path.relative_to(whole) for path in whole.rglob("*.mp4"))
    assert len(names) == 6
    for name in names:
        assert (whole / name).read_bytes() == (broken / name).read_bytes()
    assert sorted(path.relative_to(broken) for path in broken.rglob("*.mp4")) == names
    counts = [json.loads((each / "report.json").read_text())["out"] for each in (whole, broken)]
    assert counts == [6, 6]

    third = subprocess.run(
        [*words, str(broken)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "nothing to do" in third.stdout


def _delay_sound(source: Path, target: Path, seconds: Fraction) -> None:
    """Write a file whose sound track begins so much after its picture."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        tracks = {stream: made.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
            packet.stream = tracks[packet.stream]
            made.mux(packet)
