"""The geometric options of the original inference script: resize, rotate, crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Transform:
    """Applied to every frame of a source before all else, in the order of the fields.

    `resize_factor` divides both sides; `rotate` turns 90 degrees clockwise; `crop` keeps the
    rows top..bottom and the columns left..right, where -1 means the far edge.
    """

    resize_factor: int = 1
    rotate: bool = False
    crop: tuple[int, int, int, int] = (0, -1, 0, -1)

    @property
    def is_identity(self) -> bool:
        return self == Transform()

    def key(self) -> str:
        """A short name for caches, for example "r2-turned-c0,-1,10,200"; "" for the identity."""
        parts = [
            f"r{self.resize_factor}" if self.resize_factor != 1 else "",
            "turned" if self.rotate else "",
            "c" + ",".join(map(str, self.crop)) if self.crop != (0, -1, 0, -1) else "",
        ]
        return "-".join(part for part in parts if part)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of what `apply` makes of a frame of this size.

        Raises ValueError where nothing would be left.
        """
        width, height = self._resized(width, height)
        if self.rotate:
            width, height = height, width
        top, bottom, left, right = self._window(width, height)
        return right - left, bottom - top

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """An RGB uint8 (height, width, 3) frame, transformed. Raises ValueError as `size` does."""
        if self.is_identity:
            return frame
        if self.resize_factor != 1:
            from PIL import Image

            height, width = frame.shape[:2]
            smaller = Image.fromarray(frame).resize(
                self._resized(width, height), Image.Resampling.BOX
            )
            frame = np.array(smaller)
        if self.rotate:
            frame = np.rot90(frame, k=-1)
        top, bottom, left, right = self._window(frame.shape[1], frame.shape[0])
        return np.ascontiguousarray(frame[top:bottom, left:right])

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        return max(1, width // self.resize_factor), max(1, height // self.resize_factor)

    def _window(self, width: int, height: int) -> tuple[int, int, int, int]:
        top, bottom, left, right = self.crop
        bottom = height if bottom == -1 else min(bottom, height)
        right = width if right == -1 else min(right, width)
        if not (0 <= top < bottom and 0 <= left < right):
            raise ValueError(f"The crop {self.crop} leaves nothing of {width}x{height} pixels.")
        return top, bottom, left, right
