"""The lip-sync engines: `wav2lip.load(name)` gives one, whatever network is behind it."""

from wav2lip.engine import Engine
from wav2lip.engines import load

__all__ = ["Engine", "load"]
