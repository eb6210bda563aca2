"""How closely a frame of a video is worth searching, after what the frames before it showed.

Heads that lean far need a search of their own, which costs a detector like dlib's twice as much as
the search for all others. It is worth that at the start of a shot, where the picture is no longer
what it was, and now and then. A picture in which nobody was and nothing has changed since, such as
a slide, is worth no search at all.
"""

import numpy as np

from face_detection import shots

# Levels by which no part of a picture differs from another that shows the same, but for noise.
NOISE_LEVELS = 2
# By so much at least (see `shots.change`) is a picture no longer what it was.
OTHER_PICTURE = 0.3
# After so many frames' worth of searches everything is looked at again, whatever was seen.
THOROUGH_EVERY = 12


class SearchSchedule:
    """What is known of the frames, in a run without a gap, that were looked at before.

    All signatures are those of `shots.signature`.
    """

    def __init__(self) -> None:
        self._searched: np.ndarray | None = None
        self._thoroughly: np.ndarray | None = None
        self._since = 0

    def is_thorough_due(self, signature: np.ndarray) -> bool:
        """Whether the frame should be searched for heads that lean as well."""
        if self._thoroughly is None or self._since >= THOROUGH_EVERY:
            return True
        changed = shots.change(self._thoroughly[None], signature[None])
        return bool(changed[0] >= OTHER_PICTURE)

    def is_known(self, signature: np.ndarray) -> bool:
        """Whether the frame shows what the one that was searched last shows, but for noise."""
        if self._searched is None:
            return False
        apart = np.abs(signature.astype(np.int16) - self._searched)
        return bool(apart.max() <= NOISE_LEVELS)

    def note(self, signature: np.ndarray, searched: bool, thorough: bool) -> None:
        """Remember a frame, whether it was searched at all, and whether thoroughly."""
        self._since += 1
        if searched:
            self._searched = signature
        if thorough:
            self._thoroughly, self._since = signature, 0
