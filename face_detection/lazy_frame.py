"""Frames of a video that become RGB when they are looked at closely: most of them never are."""

from functools import cached_property

import numpy as np

from face_detection import shots
from media.planar import Planar


class LazyFrame:
    """A frame as it is stored, for detectors that search few frames of many (`stride.Strided`)."""

    def __init__(self, planar: Planar) -> None:
        self._planar = planar

    @cached_property
    def rgb(self) -> np.ndarray:
        """The frame, RGB uint8 (height, width, 3), made once."""
        width, height = self._planar.size
        return self._planar.seen((0, 0, width, height))

    @property
    def signature(self) -> np.ndarray:
        """See `shots.signature`; from the luma, so that no colours are made for it."""
        return shots.signature_of_luma(self._planar.luma)


Frame = np.ndarray | LazyFrame


def rgb_of(frame: Frame) -> np.ndarray:
    """The frame as RGB uint8 (height, width, 3)."""
    return frame.rgb if isinstance(frame, LazyFrame) else frame


def signature_of(frame: Frame) -> np.ndarray:
    """See `shots.signature`."""
    return frame.signature if isinstance(frame, LazyFrame) else shots.signature(frame)
