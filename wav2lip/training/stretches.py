"""Long clips in pieces: otherwise a person of one long clip is rarely drawn, and little of it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wav2lip.training.windows import Clip, Region


@dataclass(frozen=True)
class Stretch:
    """Some frames of a clip, as a clip of its own (windows.Clip)."""

    clip: Clip
    start: int
    length: int

    @property
    def name(self) -> str:
        return self.clip.name

    @property
    def person(self) -> str:
        return self.clip.person

    @property
    def region(self) -> Region:
        return self.clip.region

    def faces(self, first: int, count: int) -> np.ndarray:
        return self.clip.faces(self.start + first, count)

    def mel_window(self, first: int) -> np.ndarray:
        return self.clip.mel_window(self.start + first)

    def mouth_shapes(self, first: int) -> np.ndarray:
        return self.clip.mouth_shapes(self.start + first)


def stretches(clips: list[Clip], frames: int) -> list[Clip]:
    """The clips, long ones cut into consecutive pieces of about `frames` frames."""
    pieces: list[Clip] = []
    for clip in clips:
        count = max(1, round(clip.length / frames))
        cuts = np.linspace(0, clip.length, count + 1).astype(int).tolist()
        pieces += [Stretch(clip, a, b - a) for a, b in pairwise(cuts)]
    return pieces
