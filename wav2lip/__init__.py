"""The lip-sync engine: `wav2lip.load(name)` gives one, whatever network is behind it."""

from wav2lip.engine import Engine, load

__all__ = ["Engine", "load"]
