"""The compact model: voice -> mouth shape -> a mouth drawn by warping the face's own pixels."""

from wav2lip.compact.engine import CompactEngine

__all__ = ["CompactEngine"]
