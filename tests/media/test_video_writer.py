"""What the pieces of a video promise of themselves; how they join, test_assemble tells."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from media.pictures import read_picture
from media.video_writer import VideoWriter


def test_the_same_frames_give_the_same_bytes_whatever_was_in_memory_before(
    tmp_path: Path, astronaut_file: Path
) -> None:
    """15 macroblocks in a row, which do not fill a register, in memory that is used and freed."""
    chance = np.random.default_rng(0)
    face = read_picture(astronaut_file)[:240, 100:340]
    videos = set()
    used: list[np.ndarray] = []
    for _ in range(15):
        with VideoWriter(tmp_path / "out.mp4", 240, 240, Fraction(25)) as writer:
            for shift in (0, 1, 3, 2, 0, 0, 1, 4, 2, 1, 0, 2):
                writer.write(np.roll(face, shift, axis=0))
        videos.add((tmp_path / "out.mp4").read_bytes())
        used.append(chance.integers(0, 255, chance.integers(1000, 4_000_000), np.uint8))
        del used[:-8]
    assert len(videos) == 1
