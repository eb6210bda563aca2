"""Pieces of long clips are what they were in the clip."""

from pathlib import Path

import numpy as np

from wav2lip.training import windows
from wav2lip.training.stretches import stretches


def test_a_piece_shows_and_says_what_the_clip_does_there(prepared: Path, clips: Path) -> None:
    (clip,) = windows.load(prepared, clips / "clips.csv")[1]
    first, second = stretches([clip], clip.length // 2)
    assert first.length + second.length == clip.length
    assert (second.name, second.person, second.region) == (clip.name, clip.person, clip.region)
    at = first.length + 3
    assert np.array_equal(second.faces(3, 5), clip.faces(at, 5))
    assert np.array_equal(second.mel_window(3), clip.mel_window(at))
    assert np.array_equal(second.mouth_shapes(3), clip.mouth_shapes(at))


def test_a_short_clip_stays_whole(layout: Path) -> None:
    learned, _ = windows.load(layout)
    assert [piece.length for piece in stretches(learned, 36)] == [40, 40]
