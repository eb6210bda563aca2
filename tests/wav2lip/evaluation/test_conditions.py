"""Engines that are easy to judge: one that changes nothing, and one that comes late."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wav2lip
from wav2lip.compact import crop, mouth_shape
from wav2lip.engine import Engine, Frame
from wav2lip.evaluation import mouth_metrics
from wav2lip.evaluation.conditions import PAUSE_FRAMES, Condition, ShapeDriven, conditions_of
from wav2lip.evaluation.footage import FPS, Footage, load_or_track, track_speaker
from wav2lip.evaluation.foreign_colour import foreign_colour
from wav2lip.evaluation.measure import Measurements, measure_condition, measure_real
from wav2lip.evaluation.reconstruction import measure_reconstruction

from .conftest import FRAMES, loudness


class Unchanged:
    """An engine that gives back what it is given."""

    name = architecture = "unchanged"
    device = "cpu"
    pads = (0, 0, 0, 0)
    mouth_finder = None

    def drive(self, mel: np.ndarray, start: int, stop: int, fps: Fraction) -> np.ndarray:
        return np.zeros((stop - start, 1), np.float32)

    def render(
        self,
        frames: Sequence[Frame],
        boxes: np.ndarray,
        drive: np.ndarray,
        blend: bool = True,
        rolls: np.ndarray | None = None,
        moving: bool = False,
        mouths: Sequence[Any] | None = None,
    ) -> list[Frame]:
        return [frame.copy() for frame in frames]


def played(clip: Footage, engine: Engine, late: int = 0) -> Measurements:
    """What is measured of a clip that is shown `late` frames later."""
    frames = list(clip.frames())
    order = np.clip(np.arange(len(clip)) - late, 0, None)
    condition = Condition(
        "video",
        engine,
        np.zeros((len(clip), 1)),
        clip.faces,
        [None] * len(clip),
        lambda: (frames[index] for index in order),
        0.0,
    )
    return measure_condition(condition, clip, [], clip.samples) | measure_real(clip, [])


def peak(measured: Measurements) -> tuple[int, float]:
    by_lag = mouth_metrics.pearson(
        mouth_metrics.lagged_moments(measured["real opening"], measured["video opening"])
    )
    return int(mouth_metrics.LAGS[by_lag.argmax()]), float(by_lag.max())


def test_the_speaker_is_measuredand_the_mouth_follows_what_was_drawn(speech: Footage) -> None:
    assert len(speech) == FRAMES
    opening = speech.mouth_lengths[:, mouth_shape.OPENING]
    assert np.corrcoef(opening, loudness(1))[0, 1] > 0.8
    assert opening[speech.closed_frame] < np.percentile(opening, 25)
    rests = mouth_metrics.silent_frames(speech.samples, FRAMES)
    assert np.flatnonzero(rests).tolist() == list(range(24, 30))


def test_a_perfect_copy_is_perfect(speech: Footage) -> None:
    measured = played(speech, Unchanged())
    assert peak(measured) == (0, pytest.approx(1))
    assert measured["video outside"].max() == 0
    assert measured["video identity"] == pytest.approx(0)
    assert measured["video sharpness"] == pytest.approx(measured["real sharpness"])


def test_a_mouth_in_another_colour_is_foreign(speech: Footage) -> None:
    measured = played(speech, Unchanged())
    assert measured["video foreign"].mean() < 4
    (frame,) = speech.frames_at([0])
    blue = frame.copy()
    blue[..., 2] = 255
    assert foreign_colour(blue, speech.chroma) == 100


def test_the_toothy_frame_shows_more_teeth_than_the_closed_one(speech: Footage) -> None:
    assert speech.toothy_frame is not None
    assert speech.toothiness[speech.toothy_frame] > speech.toothiness[speech.closed_frame]


def test_a_late_copy_is_late(speech: Footage) -> None:
    lag, r = peak(played(speech, Unchanged(), late=3))
    assert lag == 3
    assert r > 0.95


def test_nothing_is_gained_by_leaving_the_reference_as_it_is(speech: Footage) -> None:
    found = measure_reconstruction(
        speech, mouth_shape.rest(speech.mouth_lengths), Unchanged(), seed=0
    )
    for name in ("full psnr", "full ssim", "sharpness"):
        assert found[f"redrawn {name}"] == pytest.approx(found[f"copied {name}"])
    # Brought into the frame and out again, it is no more than a little softer.
    assert found["redrawn psnr"] == pytest.approx(found["copied psnr"], abs=1.5)
    again = measure_reconstruction(
        speech, mouth_shape.rest(speech.mouth_lengths), Unchanged(), seed=0
    )
    assert again["copied psnr"] == pytest.approx(found["copied psnr"])
    other = measure_reconstruction(
        speech, mouth_shape.rest(speech.mouth_lengths), Unchanged(), seed=1
    )
    assert other["copied psnr"] != pytest.approx(found["copied psnr"])


def test_the_shipped_renderer_draws_a_face_in_the_pose_of_another(speech: Footage) -> None:
    engine = wav2lip.load("compact")
    assert isinstance(engine, ShapeDriven)
    frames = speech.frames_at([speech.closed_frame])
    (crops,) = [np.stack([crop.crop(f, speech.boxes[speech.closed_frame]) for f in frames])]
    mirrored = crops[:, :, ::-1]
    shapes = np.zeros((1, 8), np.float32)
    closed = engine.redraw(mirrored, crops, shapes)
    shapes[:, [0, 1, 5, 6]] = 2.5
    wide = engine.redraw(mirrored, crops, shapes)
    assert (closed[:, :40] == mirrored[:, :40]).all()
    mouth = slice(60, 84), slice(30, 66)
    assert np.abs(wide[0].astype(int) - closed[0])[mouth].mean() > 5


def test_a_clip_is_animated_in_every_condition(speech: Footage) -> None:
    other = np.roll(speech.samples, 9000)
    conditions = list(
        conditions_of(speech, other, mouth_shape.rest(speech.mouth_lengths), Unchanged())
    )
    lengths = {condition.name: len(list(condition.frames())) for condition in conditions}
    assert lengths == {
        "still": FRAMES,
        "pause": PAUSE_FRAMES,
        "still_other": FRAMES,
        "toothy": FRAMES,
        "video": FRAMES,
        "video_other": FRAMES,
        "silent": FRAMES,
    }


def test_footage_is_tracked_once(speech: Footage, tmp_path: Path) -> None:
    target = tmp_path / "footage.npz"
    first = load_or_track(speech.path, target, FRAMES)
    written = target.stat().st_mtime_ns
    again = load_or_track(speech.path, target, FRAMES)
    assert target.stat().st_mtime_ns == written
    for name in ("boxes", "rolls", "landmarks", "samples"):
        assert (getattr(again, name) == getattr(speech, name)).all()
        assert (getattr(first, name) == getattr(speech, name)).all()


def test_a_stretch_is_cut_where_it_is_asked_to_end(speech: Footage) -> None:
    short = track_speaker(speech.path, 30)
    assert len(short) == 30
    assert len(short.samples) == 30 * 16000 // FPS
