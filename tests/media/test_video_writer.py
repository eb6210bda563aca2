"""What the pieces of a video promise of themselves; how they join, test_assemble tells."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from media.video_writer import VideoWriter


def test_the_same_frames_give_the_same_bytes_whatever_was_in_memory_before(tmp_path: Path) -> None:
    """15 macroblocks in a row, which do not fill a register, in memory that is used and freed."""
    chance = np.random.default_rng(0)
    picture = chance.integers(0, 255, (30, 30, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    videos = set()
    for _ in range(12):
        with VideoWriter(tmp_path / "out.mp4", 240, 240, Fraction(25)) as writer:
            for shift in range(10):
                writer.write(np.roll(picture, shift, axis=1))
        videos.add((tmp_path / "out.mp4").read_bytes())
        chance.integers(0, 255, chance.integers(1000, 4_000_000), np.uint8)
    assert len(videos) == 1
