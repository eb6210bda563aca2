"""Which frames of a video are searched thoroughly, which in part, and which not at all.

Small faces need a search at full size, which costs several times as much as one for large faces. It
is done at the start of a shot, where the picture has changed, and at intervals. A picture without
faces that has not changed since it was searched, such as a slide, is not searched again. Where
faces are known, only their surroundings are searched every other time.
"""

import numpy as np

from face_detection import shots

# Differences up to so many levels are noise.
NOISE_LEVELS = 2
# From this value of `shots.change` on a picture counts as another one.
CHANGED = 0.3
# A thorough search comes after so many searches at the latest.
THOROUGH_EVERY = 5


class SearchSchedule:
    """The signatures (`shots.signature`) of the frames searched last, in a run without a gap."""

    def __init__(self) -> None:
        self._searched: np.ndarray | None = None
        self._thoroughly: np.ndarray | None = None
        self._since = 0
        self._wholly = False

    @property
    def was_whole(self) -> bool:
        """Whether the frame recorded last was searched wholly."""
        return self._wholly

    def is_thorough_due(self, signature: np.ndarray) -> bool:
        """Whether the frame should be searched for small faces as well."""
        if self._thoroughly is None or self._since >= THOROUGH_EVERY:
            return True
        changed = shots.change(self._thoroughly[None], signature[None])
        return bool(changed[0] >= CHANGED)

    def is_unchanged(self, signature: np.ndarray) -> bool:
        """Whether the frame equals the one that was searched last, except for noise."""
        if self._searched is None:
            return False
        apart = np.abs(signature.astype(np.int16) - self._searched)
        return bool(apart.max() <= NOISE_LEVELS)

    def record(
        self, signature: np.ndarray, searched: bool, thorough: bool, whole: bool = True
    ) -> None:
        """Record a frame, whether it was searched at all, whether thoroughly, and whether whole."""
        self._since += 1
        self._wholly = searched and whole
        if searched:
            self._searched = signature
        if thorough:
            self._thoroughly, self._since = signature, 0
